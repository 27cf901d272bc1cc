"""Recorded episodes executed again: the same actions must show, earn and prove the same."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

from cairn.agents.agent import Decision
from cairn.agents.check import OUTCOMES, Verdict, first_difference
from cairn.agents.episodes import Episode, task_hash
from cairn.agents.junit import Case
from cairn.agents.rollout import Request, run_all
from cairn.agents.trajectory import Trajectory
from cairn.envs.core import Env
from cairn.envs.observation import Observation
from cairn.envs.registry import find_task
from cairn.envs.task import Task
from cairn.sandbox.sandbox import Sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """How the second execution of an episode compares with the recording.

    Attributes:
        task: Id of the task.
        seed: The instance.
        num_steps: Steps of the recording.
        verdict: Whether both are the same to the byte; VOID when one of them cannot be trusted.
        detail: What differs, or why it is void; empty when both are the same.
    """

    task: str
    seed: int
    num_steps: int
    verdict: Verdict
    detail: str = ""


class RecordedAgent:
    """Does what a recording says, and gives up where that has ended."""

    def __init__(self, recording: Trajectory, env: Env) -> None:
        del env
        self._actions = iter([turn.decision.action for turn in recording.turns])

    async def act(self, observation: Observation) -> Decision:
        """Choose the recorded action."""
        del observation
        return Decision(action=next(self._actions, "give_up"))


async def replay(
    sandbox: Sandbox, episodes: Sequence[Episode], *, concurrency: int
) -> AsyncGenerator[tuple[int, Replay]]:
    """Execute recorded episodes again; yield the comparison of each, with its position, as it ends.

    An episode that was void when recorded is not executed.

    Raises:
        UnknownNameError: If there is no such task any more.
    """
    tasks = [find_task(episode.header.task) for episode in episodes]
    requests: dict[int, Request] = {}
    for position, (task, episode) in enumerate(zip(tasks, episodes, strict=True)):
        recorded = episode.trajectory
        if recorded.void is not None:
            yield position, _compared(task, episode, recorded)
        else:
            make_agent = partial(RecordedAgent, recorded)
            requests[position] = Request(task=task, seed=recorded.seed, make_agent=make_agent)
    positions = list(requests)
    work = run_all(sandbox, list(requests.values()), concurrency=concurrency)
    async with aclosing(work) as runs:
        async for number, again in runs:
            position = positions[number]
            yield position, _compared(tasks[position], episodes[position], again)


def replay_case(replayed: Replay) -> Case:
    """Return a replay as a case of a test report."""
    return Case(
        group=replayed.task,
        name=f"seed {replayed.seed}",
        outcome=OUTCOMES[replayed.verdict],
        message=replayed.detail,
    )


def _compared(task: Task[Any], episode: Episode, again: Trajectory) -> Replay:
    recorded = episode.trajectory
    detail, verdict = "", Verdict.VOID
    if recorded.void is not None:
        detail = f"void when it was recorded: {recorded.void}"
    elif again.void is not None:
        detail = again.void
    else:
        detail = first_difference(recorded, again)
        if not detail and recorded.is_success is not again.is_success:
            detail = f"success: {recorded.is_success} and {again.is_success}"
        verdict = Verdict.REFUTED if detail else Verdict.PROVED
        if detail and episode.header.task_hash != task_hash(task):
            detail += " (the task's source has changed since)"
    return Replay(
        task=episode.header.task,
        seed=episode.header.seed,
        num_steps=len(recorded.turns),
        verdict=verdict,
        detail=" ".join(detail.split()),
    )
