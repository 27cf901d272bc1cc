"""Agents without a model."""

import re

import pytest

from cairn.agents.scripted import AGENTS, NoopAgent, OracleAgent, RandomAgent
from cairn.envs.actions import parse_action
from cairn.envs.core import Env
from cairn.envs.tasks import TASKS
from cairn.sandbox.errors import TaskError
from cairn.sandbox.sandbox import Sandbox
from tests.fakes import LabTask, ShortOracleTask

pytestmark = [pytest.mark.browser, pytest.mark.asyncio]


async def test_oracle_plays_the_tasks_own_script(sandbox: Sandbox, lab_site: None) -> None:
    env = Env(LabTask(), sandbox)
    agent = OracleAgent(env)
    decision = await agent.act(await env.reset(1))
    assert (decision.action, decision.prompt_ids, decision.generation) == ("click e1", (), None)
    assert (await env.step(decision.action)).is_success
    await env.close()


async def test_oracle_that_ends_too_early_is_an_error_of_the_task(
    sandbox: Sandbox, lab_site: None
) -> None:
    env = Env(ShortOracleTask(), sandbox)
    agent = OracleAgent(env)
    observation = await env.reset(2)
    observation = (await env.step((await agent.act(observation)).action)).observation
    with pytest.raises(TaskError, match="task 'lab-v1', seed 2: the oracle ended before"):
        await agent.act(observation)
    await env.close()


async def test_random_agent_acts_on_what_it_sees_and_repeats_itself(sandbox: Sandbox) -> None:
    env = Env(TASKS["form-request-v1"], sandbox)
    observation = await env.reset(4)
    first, second = RandomAgent(env), RandomAgent(env)
    lines = [(await first.act(observation)).action for _ in range(200)]
    assert lines == [(await second.act(observation)).action for _ in range(200)]
    names = {parse_action(line).action for line in lines}
    assert names == {"click", "fill", "read", "press"}
    shown = set(re.findall(r"\[ref=(e\d+)\]", observation.page))
    assert {ref for line in lines for ref in re.findall(r"\be\d+\b", line)} == shown
    await env.reset(5)
    assert lines != [(await RandomAgent(env).act(observation)).action for _ in range(200)]
    await env.close()


async def test_noop_agent_lets_time_pass(sandbox: Sandbox, lab_site: None) -> None:
    env = Env(LabTask(), sandbox)
    assert (await NoopAgent(env).act(await env.reset(1))).action == "wait 1"
    await env.close()


async def test_agents_are_found_by_name() -> None:
    assert {"oracle": OracleAgent, "random": RandomAgent, "noop": NoopAgent} == AGENTS
