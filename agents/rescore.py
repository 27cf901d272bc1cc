"""Ledgers computed again, offline, from the evidence that an episode file holds."""

from dataclasses import dataclass, replace
from typing import Any

from cairn.agents.trajectory import Trajectory
from cairn.envs.core import draw_facts
from cairn.envs.task import Task
from cairn.rewards.ledger import Ledger, Payment
from cairn.sandbox.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescore:
    """What an episode earned when it was played, and what its evidence earns now.

    Attributes:
        task: Id of the task.
        seed: The instance.
        return_before: As recorded.
        return_now: As the task's milestones pay now.
        is_success_before: As recorded; None when void.
        is_success_now: As the task's goal check says now; None when void.
        is_same: Whether every receipt is the same, its evidence included, and so is success.
    """

    task: str
    seed: int
    return_before: float
    return_now: float
    is_success_before: bool | None
    is_success_now: bool | None
    is_same: bool


def rescored(task: Task[Any], trajectory: Trajectory) -> Trajectory:
    """Return the episode with the rewards, receipts and success that its evidence gives now.

    A void episode stays void; its turns before the void are paid again.
    """
    facts = draw_facts(task, trajectory.seed)
    ledger = Ledger(task.milestones(facts), task.goal_check(facts))
    turns, is_success = [], False
    for step, turn in enumerate(trajectory.turns, start=1):
        evidence = [event for event in trajectory.events if event.step <= step]
        score = ledger.score(evidence, step=step)
        turns.append(replace(turn, reward=score.reward, payments=score.payments))
        is_success = score.is_success
    return replace(
        trajectory,
        turns=tuple(turns),
        is_success=is_success if trajectory.void is None else None,
    )


def rescore(task: Task[Any], trajectory: Trajectory) -> Rescore:
    """Compare what an episode earned with what its evidence earns now.

    Raises:
        ConfigError: If the task has changed so that this seed is another instance now.
    """
    seen = trajectory.turns[0].observation if trajectory.turns else trajectory.last_observation
    goal = task.goal(draw_facts(task, trajectory.seed))
    if seen is not None and seen.goal != goal:
        raise ConfigError(
            f"task {task.id!r}, seed {trajectory.seed}: the recorded goal is {seen.goal!r}, but "
            f"the task now says {goal!r}; record the episode again"
        )
    now = rescored(task, trajectory)
    return Rescore(
        task=trajectory.task,
        seed=trajectory.seed,
        return_before=trajectory.episode_return,
        return_now=now.episode_return,
        is_success_before=trajectory.is_success,
        is_success_now=now.is_success,
        is_same=now.is_success == trajectory.is_success
        and payments_of(now) == payments_of(trajectory),
    )


def payments_of(trajectory: Trajectory) -> tuple[Payment, ...]:
    """Return every receipt of an episode, in order."""
    return tuple(payment for turn in trajectory.turns for payment in turn.payments)
