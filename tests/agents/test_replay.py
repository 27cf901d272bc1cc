"""Recordings executed again in the real browser, and what is said when they differ."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import pytest_asyncio

from cairn.agents.check import Verdict
from cairn.agents.episodes import Episode, Header, task_hash
from cairn.agents.junit import Outcome
from cairn.agents.replay import Replay, replay, replay_case
from cairn.agents.rollout import rollout
from cairn.agents.scripted import RandomAgent
from cairn.agents.trajectory import Trajectory
from cairn.envs.core import Env
from cairn.envs.tasks import TASKS
from cairn.sandbox.errors import UnknownNameError
from cairn.sandbox.sandbox import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

TASK = TASKS["search-open-v1"]


def recording(trajectory: Trajectory, **changes: str) -> Episode:
    known = {"task": TASK.id, "task_hash": task_hash(TASK), "agent": "random"}
    return Episode(
        header=Header.model_validate({**known, "seed": trajectory.seed, **changes}),
        trajectory=trajectory,
    )


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def played(sandbox: Sandbox) -> Trajectory:
    """An episode that errs and searches, and does not succeed."""
    env = Env(TASK, sandbox)
    made = await rollout(env, 11, RandomAgent)
    await env.close()
    return made


async def replayed(sandbox: Sandbox, *episodes: Episode) -> list[Replay]:
    found = {n: done async for n, done in replay(sandbox, episodes, concurrency=2)}
    return [found[n] for n in range(len(episodes))]


async def test_a_recording_comes_out_the_same(sandbox: Sandbox, played: Trajectory) -> None:
    assert len(played.turns) == 6
    done = await replayed(sandbox, *[recording(played)] * 3)
    assert [(r.verdict, r.detail, r.num_steps) for r in done] == [(Verdict.PROVED, "", 6)] * 3


def other_page(made: Trajectory) -> Trajectory:
    assert made.last_observation is not None
    return replace(made, last_observation=replace(made.last_observation, page="tampered with"))


def other_hash(made: Trajectory) -> Trajectory:
    turns = list(made.turns)
    turns[3] = replace(turns[3], observation=replace(turns[3].observation, replay_hash="0" * 16))
    return replace(made, turns=tuple(turns))


def other_reward(made: Trajectory) -> Trajectory:
    return replace(made, turns=(replace(made.turns[0], reward=9.0), *made.turns[1:]))


def fewer_steps(made: Trajectory) -> Trajectory:
    last = made.turns[-1].observation
    return replace(made, turns=made.turns[:-1], last_observation=last)


@pytest.mark.parametrize(
    ("tamper", "detail"),
    [
        (other_page, "step 6: page: "),
        (other_hash, "step 3: replay_hash: ...'0000000000000000'..."),
        (other_reward, "step 1: reward: ...9.0... and ...0.0..."),
        (fewer_steps, "step 6: one episode has ended, the other goes on"),
        (lambda made: replace(made, events=made.events[:-1]), "events: "),
        (lambda made: replace(made, is_success=True), "success: True and False"),
    ],
)
async def test_a_recording_that_differs_is_told_where(
    sandbox: Sandbox,
    played: Trajectory,
    tamper: Callable[[Trajectory], Trajectory],
    detail: str,
) -> None:
    [done] = await replayed(sandbox, recording(tamper(played)))
    assert done.verdict is Verdict.REFUTED
    assert detail in done.detail


async def test_a_task_that_has_changed_since_is_named_as_the_likely_cause(
    sandbox: Sandbox, played: Trajectory
) -> None:
    [done] = await replayed(sandbox, recording(other_page(played), task_hash="f" * 16))
    assert done.detail.endswith("(the task's source has changed since)")
    [done] = await replayed(sandbox, recording(played, task_hash="f" * 16))
    assert done.verdict is Verdict.PROVED


async def test_void_recordings_are_not_executed_and_keep_their_place(
    sandbox: Sandbox, played: Trajectory
) -> None:
    void = replace(played, is_success=None, void="browser: gone")
    done = await replayed(sandbox, recording(played), recording(void), recording(played))
    assert [r.verdict for r in done] == [Verdict.PROVED, Verdict.VOID, Verdict.PROVED]
    assert done[1].detail == "void when it was recorded: browser: gone"


async def test_a_task_that_is_gone_is_an_error(sandbox: Sandbox, played: Trajectory) -> None:
    with pytest.raises(UnknownNameError, match="serch-open-v1"):
        await replayed(sandbox, recording(played, task="serch-open-v1"))


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        (Verdict.PROVED, Outcome.PASSED),
        (Verdict.REFUTED, Outcome.FAILED),
        (Verdict.VOID, Outcome.ERROR),
    ],
)
async def test_a_replay_becomes_a_case_of_a_report(verdict: Verdict, outcome: Outcome) -> None:
    case = replay_case(Replay(task="t-v1", seed=4, num_steps=2, verdict=verdict, detail="why"))
    assert (case.group, case.name, case.outcome, case.message) == ("t-v1", "seed 4", outcome, "why")
