import json
from pathlib import Path

from cairn.trainers.metrics import Metrics, read_metrics


def test_figures_are_kept_one_line_a_step(tmp_path: Path) -> None:
    with Metrics(tmp_path) as metrics:
        metrics.write(1, {"success": 0.5})
        metrics.write(2, {"success": 0.75, "loss": 0.1})
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"step": 1, "success": 0.5},
        {"step": 2, "success": 0.75, "loss": 0.1},
    ]
    assert list((tmp_path / "tensorboard").glob("events.out.*"))


def test_a_resumed_run_writes_its_steps_once(tmp_path: Path) -> None:
    with Metrics(tmp_path) as metrics:
        for step in (1, 2, 3):
            metrics.write(step, {"a": 0.0})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "a"')
    with Metrics(tmp_path, first_step=3) as metrics:
        metrics.write(3, {"a": 1.0})
    assert read_metrics(tmp_path) == [
        {"step": 1, "a": 0.0},
        {"step": 2, "a": 0.0},
        {"step": 3, "a": 1.0},
    ]


def test_a_folder_without_metrics_has_none(tmp_path: Path) -> None:
    assert read_metrics(tmp_path) == []
