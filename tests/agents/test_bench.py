"""The benchmark: a short run of the real thing gives every figure that it promises."""

import json
from dataclasses import fields

import pytest
from typer.testing import CliRunner

from cairn.agents.bench import BenchReport
from cairn.cli import app
from cairn.envs.sites import SITES

pytestmark = pytest.mark.browser

PROMISED = {
    "floor_step_p50_ms", "floor_steps_per_s", "step_p50_ms", "step_p99_ms", "steps_per_s",
    "contexts", "reset_p50_ms", "fs_steps_per_s", "obs_tokens_full", "obs_tokens_diff",
}  # fmt: skip


def test_figures_as_json() -> None:
    done = CliRunner().invoke(app, ["bench", "--json", "--steps", "10"])
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)
    assert set(figures) == {field.name for field in fields(BenchReport)} >= PROMISED
    assert all(figures[name] > 0 for name in PROMISED)
    assert figures["step_p50_ms"] <= figures["step_p99_ms"]
    assert figures["obs_tokens_diff"] < figures["obs_tokens_full"] <= 2_000
    assert "bench" not in SITES
