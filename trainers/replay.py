"""Successful turns of a run, kept to be imitated."""

import random
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import pairwise

from cairn.agents.trajectory import Trajectory, Turn
from cairn.trainers.samples import Sample, demonstration_sample


class Successes:
    """The latest turns of episodes that reached their goal, those refused by the page left out.

    Self-imitation (Oh et al. 2018, arXiv:1806.05635): what once worked is learned again, so that
    a rare success counts more than once. On episodes of the policy itself, as in rejection-sampling
    fine-tuning, not on demonstrations.

    Args:
        size: Turns kept; older ones are forgotten.
    """

    def __init__(self, size: int) -> None:
        self._turns: deque[tuple[tuple[int, ...], tuple[int, ...]]] = deque(maxlen=size)

    def __len__(self) -> int:
        return len(self._turns)

    def add(self, trajectories: Iterable[Trajectory]) -> None:
        """Keep the turns of those that succeeded."""
        for trajectory in trajectories:
            if trajectory.is_success:
                self._turns.extend(
                    (turn.decision.prompt_ids, turn.decision.generation.ids)
                    for turn in _accepted(trajectory.turns)
                    if turn.decision.generation is not None and turn.decision.generation.ids
                )

    def draw(self, count: int, rng: random.Random) -> list[Sample]:
        """Draw so many different turns, or all there are."""
        drawn = rng.sample(self._turns, min(count, len(self._turns)))
        return [
            demonstration_sample(prompt, ids, episode=index)
            for index, (prompt, ids) in enumerate(drawn)
        ]

    def state(self) -> list[list[list[int]]]:
        """Return what a checkpoint keeps."""
        return [[list(prompt), list(ids)] for prompt, ids in self._turns]

    def load_state(self, state: list[list[list[int]]]) -> None:
        """Take up where `state` was taken."""
        self._turns.clear()
        self._turns.extend((tuple(prompt), tuple(ids)) for prompt, ids in state)


def _accepted(turns: Sequence[Turn]) -> list[Turn]:
    """Return the turns whose action was carried out; the observation after it would say if not."""
    carried_out = [turn for turn, after in pairwise(turns) if not after.observation.is_error]
    return [*carried_out, *turns[-1:]]
