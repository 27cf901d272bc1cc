"""Figures of a run: one JSON line a step, and TensorBoard events."""

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

FILE_NAME = "metrics.jsonl"


class Metrics:
    """Writes figures by step into a run folder.

    A resumed run first drops the lines of steps that it will do again, so that each step has
    exactly one line.
    """

    def __init__(self, folder: Path, *, first_step: int = 1) -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / FILE_NAME
        kept = [r for r in read_metrics(folder) if r["step"] < first_step]
        self._path.write_text("".join(_line(record) for record in kept))
        self._board: Any = SummaryWriter(str(folder / "tensorboard"), purge_step=first_step)

    def write(self, step: int, values: dict[str, float]) -> None:
        """Record the figures of one step."""
        with self._path.open("a") as file:
            file.write(_line({"step": step, **values}))
        for name, value in values.items():
            self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush what is not yet written."""
        self._board.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Return the records of a run folder; a line cut off by a crash is left out."""
    path = folder / FILE_NAME
    if not path.exists():
        return []
    lines = path.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record) + "\n"
