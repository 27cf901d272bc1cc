"""Names to tasks: suites, splits and the ids that Gymnasium knows."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from cairn.envs.guests import miniwob
from cairn.envs.sites.miniwob import find_pages
from cairn.envs.task import Task
from cairn.envs.tasks import TASKS
from cairn.sandbox.errors import ConfigError, lookup

T = TypeVar("T")

SUITES: dict[str, tuple[str, ...]] = {
    "demo": tuple(TASKS),
    "milestone": tuple(TASKS),
    **miniwob.SUITES,
}


class Split(StrEnum):
    """Which seeds are for what; a split's seeds never meet another's."""

    TRAIN = "train"
    TEST_SEEDS = "test-seeds"


NUM_TRAINING_SEEDS = 2**20

_FIRST_SEED = {Split.TRAIN: 0, Split.TEST_SEEDS: NUM_TRAINING_SEEDS}
_END_SEED = {Split.TRAIN: NUM_TRAINING_SEEDS, Split.TEST_SEEDS: 2**21}


def known_tasks() -> dict[str, Task[Any]]:
    """Return every task by its id: Cairn's own, then those of the guests that are installed."""
    return TASKS | miniwob.TASKS


def find_task(name: str) -> Task[Any]:
    """Return the task of this id, such as `mail-send-attachment-v1`.

    Raises:
        UnknownNameError: With the nearest id.
        SetupError: If it is a guest's and the guest is not installed.
    """
    return _find(known_tasks(), name.removeprefix("cairn/"), kind="task")


def find_tasks(names: Iterable[str], *, suite: str) -> list[Task[Any]]:
    """Return the named tasks, or the whole suite when none is named.

    Raises:
        UnknownNameError: With the nearest id or suite.
        SetupError: If one is a guest's and the guest is not installed.
    """
    return [find_task(name) for name in (tuple(names) or _find(SUITES, suite, kind="suite"))]


def find_task_or_suite(name: str) -> list[Task[Any]]:
    """Return the task of this id, or those of the suite of this name.

    Raises:
        UnknownNameError: With the nearest id or suite.
        SetupError: If it is a guest's and the guest is not installed.
    """
    known = SUITES | {task_id: (task_id,) for task_id in known_tasks()}
    named = _find(known, name.removeprefix("cairn/"), kind="task or suite")
    return [find_task(task_id) for task_id in named]


def _find(table: Mapping[str, T], name: str, *, kind: str) -> T:
    if name not in table and name.startswith("miniwob"):
        find_pages()
    return lookup(table, name, kind=kind)


def split_seed(split: Split, index: int) -> int:
    """Return the `index`-th seed of a split.

    Raises:
        ConfigError: If the split has fewer seeds.
    """
    seed = _FIRST_SEED[split] + index
    if index < 0 or seed >= _END_SEED[split]:
        size = _END_SEED[split] - _FIRST_SEED[split]
        raise ConfigError(f"seed {index}: split {split.value!r} has seeds 0 to {size - 1}")
    return seed


def parse_seeds(text: str, split: Split) -> list[int]:
    """Read `A:B`, half-open and counted from the split's first seed.

    Raises:
        ConfigError: If it is not of that form or empty.
    """
    first, colon, end = text.partition(":")
    if not (colon and first.isdecimal() and end.isdecimal() and int(first) < int(end)):
        raise ConfigError(f"seeds {text!r}: write A:B with A < B, such as 0:10")
    split_seed(split, int(end) - 1)
    return [split_seed(split, index) for index in range(int(first), int(end))]
