"""Rollouts: what an episode leaves, and that a failure is never a zero."""

import asyncio
import os
import signal

import pytest

from cairn.agents.agent import Decision
from cairn.agents.rollout import Request, rollout, run_all
from cairn.agents.scripted import AgentMaker, NoopAgent, OracleAgent
from cairn.envs.core import Env
from cairn.envs.observation import Observation
from cairn.envs.tasks import TASKS
from cairn.rewards.ledger import Ledger
from cairn.sandbox.sandbox import Sandbox
from tests.fakes import BrokenRewardTask, BrokenSiteTask, LabTask

pytestmark = [pytest.mark.browser, pytest.mark.asyncio]


class Killer:
    """Kills the browser before its second action."""

    def __init__(self, env: Env) -> None:
        self._sandbox = env._sandbox

    async def act(self, observation: Observation) -> Decision:
        if observation.step == 1:
            os.killpg(self._sandbox.process_id, signal.SIGKILL)
        return Decision(action="wait 1")


class Failing:
    """Has a bug."""

    def __init__(self, env: Env) -> None:
        pass

    async def act(self, observation: Observation) -> Decision:
        raise ZeroDivisionError


async def test_trajectory_holds_what_was_seen_done_and_earned(
    sandbox: Sandbox, lab_site: None
) -> None:
    env = Env(LabTask(), sandbox)
    done = await rollout(env, 3, OracleAgent)
    assert (done.task, done.seed, done.is_success, done.void) == ("lab-v1", 3, True, None)
    assert [(turn.decision.action, turn.reward) for turn in done.turns] == [("click e1", 0.75)]
    assert done.episode_return == 0.75
    assert [payment.milestone for payment in done.turns[0].payments] == ["submitted", "saved"]
    assert done.turns[0].observation.step == 0
    assert done.last_observation is not None
    assert done.last_observation.step == 1
    assert done.events == tuple(env.events)
    assert done.wall_s > 0
    await env.close()


async def test_episode_that_reaches_nothing_is_a_zero_and_no_void(
    sandbox: Sandbox, lab_site: None
) -> None:
    env = Env(LabTask(), sandbox)
    done = await rollout(env, 3, NoopAgent)
    assert (len(done.turns), done.episode_return, done.is_success, done.void) == (4, 0, False, None)
    await env.close()


async def test_killed_browser_makes_the_episode_void_and_keeps_the_turns_before(
    lab_site: None,
) -> None:
    async with Sandbox.open() as sandbox:
        env = Env(LabTask(), sandbox)
        done = await rollout(env, 3, Killer)
        assert done.void is not None
        assert "browser has gone" in done.void
        assert done.is_success is None
        assert len(done.turns) == 1
        assert done.last_observation is not None
        assert done.last_observation.step == 1
        assert (await rollout(env, 3, OracleAgent)).is_success
        await env.close()


@pytest.mark.parametrize(
    ("task", "reason", "has_begun"),
    [
        (BrokenSiteTask(), "site: lab.localhost: ValueError: the shelf fell down", False),
        (BrokenRewardTask(), "reward: lab-v1: a detector raised ZeroDivisionError", True),
    ],
)
async def test_failure_of_reset_or_reward_makes_the_episode_void(
    sandbox: Sandbox, lab_site: None, task: LabTask, reason: str, has_begun: bool
) -> None:
    env = Env(task, sandbox)
    done = await rollout(env, 3, OracleAgent)
    assert done.void is not None
    assert done.void.startswith(reason)
    assert (done.is_success, done.turns) == (None, ())
    assert (done.last_observation is not None) == has_begun
    await env.close()


async def test_bug_of_an_agent_is_not_hidden(sandbox: Sandbox, lab_site: None) -> None:
    env = Env(LabTask(), sandbox)
    with pytest.raises(ZeroDivisionError):
        await rollout(env, 3, Failing)
    await env.close()


async def test_many_episodes_run_so_many_at_a_time(sandbox: Sandbox, lab_site: None) -> None:
    running, most = 0, 0
    three_run = asyncio.Barrier(3)

    class Counting(NoopAgent):
        async def act(self, observation: Observation) -> Decision:
            nonlocal running, most
            if observation.step == 0:
                running += 1
                most = max(most, running)
                await three_run.wait()
            if observation.step == 3:
                running -= 1
            return await super().act(observation)

    requests = [Request(task=LabTask(), seed=seed, make_agent=Counting) for seed in range(6)]
    async with asyncio.timeout(30):
        found = {place: done async for place, done in run_all(sandbox, requests, concurrency=3)}
    assert {place: done.seed for place, done in found.items()} == {n: n for n in range(6)}
    assert most == 3
    assert not sandbox._desks


async def test_rollouts_that_are_given_up_release_their_episodes(
    sandbox: Sandbox, lab_site: None
) -> None:
    requests = [Request(task=LabTask(), seed=seed, make_agent=NoopAgent) for seed in range(6)]
    running = run_all(sandbox, requests, concurrency=3)
    async for _ in running:
        break
    await running.aclose()
    assert not sandbox._desks


async def test_killed_browser_voids_what_ran_and_the_rest_goes_on(lab_site: None) -> None:
    killed = asyncio.Event()

    class Telling(Killer):
        async def act(self, observation: Observation) -> Decision:
            decision = await super().act(observation)
            if observation.step == 1:
                killed.set()
            return decision

    class Patient(NoopAgent):
        async def act(self, observation: Observation) -> Decision:
            await killed.wait()
            return await super().act(observation)

    async with Sandbox.open() as sandbox:
        makers: list[AgentMaker] = [Telling, Patient, Patient, OracleAgent, OracleAgent]
        requests = [Request(task=LabTask(), seed=1, make_agent=maker) for maker in makers]
        async with asyncio.timeout(20):
            done = {n: found async for n, found in run_all(sandbox, requests, concurrency=3)}
        assert None not in [done[n].void for n in (0, 1, 2)]
        assert [done[n].is_success for n in (3, 4)] == [True, True]
        assert sandbox.num_restarts == 1


@pytest.mark.parametrize("task_id", sorted(TASKS))
async def test_rewards_can_be_recomputed_from_the_evidence(sandbox: Sandbox, task_id: str) -> None:
    env = Env(TASKS[task_id], sandbox)
    done = await rollout(env, 2**20 + 5, OracleAgent)
    ledger = Ledger(env.task.milestones(env.facts), env.task.goal_check(env.facts))
    for step, turn in enumerate(done.turns, start=1):
        score = ledger.score([event for event in done.events if event.step <= step], step=step)
        assert (score.reward, score.payments) == (turn.reward, turn.payments)
    assert done.is_success
    assert done.episode_return == sum(milestone.value for milestone in ledger.milestones)
    await env.close()
