import json
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from matplotlib.image import imread

from cairn.agents.episodes import read_run
from cairn.agents.evaluation import read_results
from cairn.envs.registry import SUITES, Split
from cairn.envs.tasks import TASKS
from cairn.sandbox.desk import Desk
from cairn.sandbox.errors import ConfigError
from cairn.sandbox.sandbox import Sandbox
from cairn.trainers.metrics import read_metrics
from cairn.trainers.model import SmallModelConfig, build_small_model, load_model, load_tokenizer
from cairn.trainers.pipeline import Progress, Run, prepare_folder
from cairn.trainers.run_config import RunConfig
from cairn.trainers.tokenizer import build_tokenizer
from cairn.trainers.vocabulary import known_words
from tests.fakes import LabTask

SIZES = SmallModelConfig(hidden_size=16, intermediate_size=32, num_layers=1, num_heads=2)
TASK_IDS = ("search-open-v1", "settings-toggle-v1")
SUCCESS_KEYS = ("success_before", "success_after", "greedy_before", "greedy_after", "gain")
SMALL: dict[str, Any] = {
    "suite": "two",
    "concurrency": 4,
    "policy": {"max_new_tokens": 6},
    "sft": {"demonstrations": 1, "max_epochs": 1, "validation_instances": 1},
    "algorithm": "reinforce",
    "override": {"entropy_weight": 0.01},
    "grpo": {"num_groups": 2, "group_size": 2, "epochs": 1, "max_iterations": 1},
    "evaluation": {"instances": 1},
}


def save_small_model(folder: Path) -> Path:
    tokenizer = build_tokenizer(known_words(), num_refs=60)
    build_small_model(SIZES, tokenizer, seed=0).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def run_config(folder: Path, **changes: Any) -> RunConfig:
    values = SMALL | {"out": folder / "run"} | changes
    values["policy"] = {"model": folder / "model"} | SMALL["policy"] | changes.get("policy", {})
    return RunConfig.model_validate(values)


def quiet(progress: Progress) -> None:
    assert progress.share is None or 0 <= progress.share <= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A run that has ended."""

    config: RunConfig
    summary: dict[str, Any]
    reports: list[Progress]


@pytest.fixture(scope="module")
def suites() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SUITES, "two", TASK_IDS)
        yield


@pytest.fixture
def lab_suite(monkeypatch: pytest.MonkeyPatch, lab_site: None) -> None:
    monkeypatch.setitem(TASKS, "lab-v1", LabTask())
    monkeypatch.setitem(SUITES, "lab", ("lab-v1",))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def finished(
    sandbox: Sandbox, suites: None, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Finished]:
    folder = tmp_path_factory.mktemp("pipeline")
    save_small_model(folder / "model")
    config = run_config(folder, control=True)
    prepare_folder(config, resume=False)
    reports: list[Progress] = []
    summary = await Run(config, sandbox, reports.append).train()
    yield Finished(config=config, summary=summary, reports=reports)


@pytest.mark.browser
@pytest.mark.asyncio
async def test_a_run_leaves_a_summary_of_what_it_gained(finished: Finished) -> None:
    summary = finished.summary
    written = json.loads((finished.config.out / "summary.json").read_text())
    assert written == summary
    assert {name: type(value) for name, value in written.items()} == {
        "success_before": float,
        "success_after": float,
        "success_control": float,
        "greedy_before": float,
        "greedy_after": float,
        "gain": float,
        "gain_ci95": list,
        "eval_episodes": int,
        "demonstrations": int,
        "train_episodes": int,
        "void": int,
        "wall_s": float,
        "train_wall_s": float,
        "train_seed": int,
    }
    assert (summary["demonstrations"], summary["train_episodes"]) == (2, 4)
    assert (summary["eval_episodes"], summary["void"], summary["train_seed"]) == (2, 0, 0)
    assert summary["gain"] == summary["success_after"] - summary["success_before"]
    assert 0 < summary["train_wall_s"] <= summary["wall_s"]


@pytest.mark.browser
@pytest.mark.asyncio
async def test_a_run_leaves_what_it_did_at_each_stage(finished: Finished) -> None:
    folder = finished.config.out
    demonstrations = [episode.trajectory for episode in read_run(folder / "demonstrations")]
    assert sorted(t.task for t in demonstrations) == sorted(TASK_IDS)
    [record] = read_metrics(folder)
    assert (record["step"], record["episodes"], record["void"]) == (1, 4, 0)
    assert record["samples"] >= 4
    assert record["logprob_gap"] < 1e-3
    assert list((folder / "tensorboard").glob("events.*"))
    assert imread(folder / "curve.png").shape[:2] == (540, 960)
    for path in (folder / "sft", folder / "checkpoints" / "step-000001"):
        assert load_model(path).num_parameters() > 0
        assert load_tokenizer(path).eos_token_id is not None
    for name in ("before", "after", "greedy-before", "greedy-after", "control"):
        evaluation = read_results(folder / "evaluations" / name)
        assert evaluation.split == Split.TEST_SEEDS
        assert [(r.task, r.seed) for r in evaluation.results] == [(t, 2**20) for t in TASK_IDS]
    stages = dict.fromkeys(progress.stage for progress in finished.reports)
    assert list(stages) == [
        "collect", "sft", "before", "greedy-before", "grpo", "after", "greedy-after", "control",
    ]  # fmt: skip


@pytest.mark.browser
@pytest.mark.asyncio
async def test_a_finished_run_that_is_resumed_plays_nothing_again(
    finished: Finished, sandbox: Sandbox
) -> None:
    prepare_folder(finished.config, resume=True)
    reports: list[Progress] = []
    again = await Run(finished.config, sandbox, reports.append).train()
    assert reports == []
    assert again | {"wall_s": 0} == finished.summary | {"wall_s": 0}


@pytest.mark.browser
@pytest.mark.asyncio
async def test_a_run_that_is_resumed_at_its_demonstrations_ends_the_same(
    finished: Finished, sandbox: Sandbox, tmp_path: Path
) -> None:
    config = finished.config.model_copy(update={"out": tmp_path / "copy", "control": False})
    prepare_folder(config, resume=False)
    shutil.copytree(finished.config.out / "demonstrations", config.out / "demonstrations")
    prepare_folder(config, resume=True)
    reports: list[Progress] = []
    summary = await Run(config, sandbox, reports.append).train()
    assert "collect" not in {progress.stage for progress in reports}
    assert summary["success_control"] is None
    assert [summary[key] for key in SUCCESS_KEYS] == [finished.summary[k] for k in SUCCESS_KEYS]
    [one], [two] = read_metrics(finished.config.out), read_metrics(config.out)
    assert {k: v for k, v in one.items() if not k.endswith("_s")} == {
        k: v for k, v in two.items() if not k.endswith("_s")
    }


class FragileSandbox(Sandbox):
    """Loses its browser as soon as the next desk is open, each time it is told to."""

    is_doomed = False

    async def open_desk(self, **options: Any) -> Desk:
        desk = await super().open_desk(**options)
        if self.is_doomed:
            self.is_doomed = False
            os.killpg(self.process_id, signal.SIGKILL)
        return desk


@pytest.mark.browser
@pytest.mark.asyncio
async def test_training_goes_on_when_the_browser_is_killed(tmp_path: Path, lab_suite: None) -> None:
    save_small_model(tmp_path / "model")
    # So much cloning that every valid episode succeeds: one void taken for a 0 would show.
    config = run_config(
        tmp_path,
        suite="lab",
        concurrency=1,
        sft={
            "demonstrations": 2,
            "batch_size": 1,
            "max_epochs": 20,
            "validate_every": 20,
            "validation_instances": 1,
            "learner": {"learning_rate": 3e-2},
        },
        grpo=SMALL["grpo"] | {"max_iterations": 3},
        evaluation={"instances": 2},
    )
    prepare_folder(config, resume=False)
    async with FragileSandbox.open() as sandbox:

        def report(progress: Progress) -> None:
            begins = progress.text.endswith("held-out instances")
            if progress.text.startswith("iteration 1:") or (progress.stage == "after" and begins):
                sandbox.is_doomed = True

        summary = await Run(config, sandbox, report).train()
        assert sandbox.num_restarts == 2
    records = read_metrics(config.out)
    assert [record["void"] for record in records] == [0, 1, 0]
    assert [record["episodes"] for record in records] == [4, 3, 4]
    assert [record["success"] for record in records] == [1.0, 1.0, 1.0]
    assert [record["return"] for record in records] == [0.75, 0.75, 0.75]
    assert [record["differing_groups"] for record in records] == [0, 0, 0]
    assert (summary["void"], summary["train_episodes"]) == (2, 11)
    assert (summary["success_after"], summary["eval_episodes"]) == (1.0, 2)


@pytest.mark.browser
@pytest.mark.asyncio
async def test_adapters_alone_are_trained_kept_and_resumed(
    sandbox: Sandbox, tmp_path: Path, lab_suite: None
) -> None:
    save_small_model(tmp_path / "model")
    policy = {"lora": {"rank": 2}, "max_new_tokens": 6}
    config = run_config(tmp_path, suite="lab", policy=policy)
    prepare_folder(config, resume=False)
    summary = await Run(config, sandbox, quiet).train()
    assert (config.out / "sft" / "adapter_config.json").is_file()
    checkpoint = config.out / "checkpoints" / "step-000001"
    assert (checkpoint / "adapter_model.safetensors").is_file()
    assert load_model(checkpoint).num_parameters() > load_model(tmp_path / "model").num_parameters()
    [record] = read_metrics(config.out)
    assert record["logprob_gap"] < 1e-3
    again = await Run(config, sandbox, quiet).train()
    assert again | {"wall_s": 0} == summary | {"wall_s": 0}


def test_a_new_run_needs_an_empty_folder(tmp_path: Path) -> None:
    config = run_config(tmp_path)
    prepare_folder(config, resume=False)
    assert RunConfig.model_validate_json((config.out / "config.json").read_text()) == config
    with pytest.raises(ConfigError, match="run': is not empty; --resume it, remove it, or name"):
        prepare_folder(config, resume=False)


def test_there_must_be_a_run_to_resume(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="run': holds no run to resume"):
        prepare_folder(run_config(tmp_path), resume=True)
    assert not (tmp_path / "run").exists()


def test_a_run_is_resumed_with_the_config_it_was_begun_with(tmp_path: Path) -> None:
    config = run_config(tmp_path)
    prepare_folder(config, resume=False)
    prepare_folder(config, resume=True)
    with pytest.raises(ConfigError, match="run': was begun with another config"):
        prepare_folder(run_config(tmp_path, seed=1), resume=True)


def test_a_run_folder_may_be_moved_and_named_in_another_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = run_config(tmp_path)
    prepare_folder(config, resume=False)
    (tmp_path / "run").rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    prepare_folder(config.model_copy(update={"out": Path("moved")}), resume=True)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out, reason in ((tmp_path / "file", "File exists"), (tmp_path / "file/x", "Not a dir")):
        with pytest.raises(ConfigError, match=f"{out.name}': {reason}"):
            prepare_folder(run_config(tmp_path, out=out), resume=False)
