"""Which task comes next: those whose groups still differ teach something."""

import random
from collections.abc import Sequence
from typing import Any

FLOOR = 0.15
MEMORY = 0.8


class Curriculum:
    """Draws tasks in proportion to how often their groups differed lately.

    A task whose groups are all equal (mastered, or out of reach) is still drawn now and then.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        self._rate = dict.fromkeys(tasks, 1.0)

    def draw(self, rng: random.Random) -> str:
        """Choose a task."""
        weights = [max(FLOOR, rate) for rate in self._rate.values()]
        return rng.choices(list(self._rate), weights)[0]

    def observe(self, task: str, *, differs: bool) -> None:
        """Learn whether the episodes of a group had different returns."""
        self._rate[task] = MEMORY * self._rate[task] + (1 - MEMORY) * differs

    def state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return dict(self._rate)

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up where `state` was taken."""
        self._rate = dict(state)
