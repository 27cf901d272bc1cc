from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread

from cairn.trainers.curve import plot_curve

RECORDS = [{"success": i / 20, "episodes": 96.0} for i in range(12)]
SUMMARY: dict[str, Any] = {
    "success_before": 0.3,
    "success_after": 0.75,
    "success_control": 0.45,
    "greedy_before": 0.35,
    "greedy_after": 0.8,
    "gain": 0.45,
    "gain_ci95": [0.3, 0.6],
    "eval_episodes": 60,
    "train_seed": 0,
}


@pytest.mark.parametrize(
    ("records", "control"), [(RECORDS, 0.45), (RECORDS, None), (RECORDS[:1], None), ([], None)]
)
def test_the_curve_is_a_readable_picture(
    records: list[dict[str, float]], control: float | None, tmp_path: Path
) -> None:
    path = tmp_path / "curve.png"
    plot_curve(records, SUMMARY | {"success_control": control}, path)
    pixels = imread(path)
    assert pixels.shape[:2] == (540, 960)
    assert pixels[..., :3].min() < 0.3
    assert pixels[..., :3].mean() > 0.8


def test_the_control_is_drawn_only_when_there_is_one(tmp_path: Path) -> None:
    plot_curve(RECORDS, SUMMARY, tmp_path / "with.png")
    plot_curve(RECORDS, SUMMARY | {"success_control": None}, tmp_path / "without.png")
    assert (imread(tmp_path / "with.png") != imread(tmp_path / "without.png")).any()


def test_the_same_run_gives_the_same_picture(tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        plot_curve(RECORDS, SUMMARY, tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
