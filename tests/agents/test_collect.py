import os
import signal
from pathlib import Path

import pytest

from cairn.agents.agent import Agent
from cairn.agents.collect import collect
from cairn.agents.episodes import read_run
from cairn.agents.rollout import Request
from cairn.agents.scripted import AgentMaker, OracleAgent
from cairn.agents.trajectory import Trajectory
from cairn.envs.core import Env
from cairn.envs.tasks import TASKS
from cairn.sandbox.errors import SandboxError
from cairn.sandbox.sandbox import Sandbox

TASK = TASKS["search-open-v1"]

pytestmark = [pytest.mark.browser, pytest.mark.asyncio]


async def _collect(
    sandbox: Sandbox, make_agent: AgentMaker, run: Path | None, num: int = 3
) -> list[tuple[int, Trajectory]]:
    requests = [Request(task=TASK, seed=seed, make_agent=make_agent) for seed in range(num)]
    episodes = collect(sandbox, requests, run=run, agent="oracle", concurrency=1)
    return [episode async for episode in episodes]


async def test_demonstrations_are_kept_as_they_were_played(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    played = dict(await _collect(sandbox, OracleAgent, tmp_path))

    kept = [episode.trajectory for episode in read_run(tmp_path)]
    assert [trajectory.seed for trajectory in kept] == [0, 1, 2]
    assert [t.turns for t in kept] == [played[seed].turns for seed in range(3)]
    assert [t.events for t in kept] == [played[seed].events for seed in range(3)]
    assert all(trajectory.is_success for trajectory in kept)


async def test_nothing_is_kept_without_a_run_folder(sandbox: Sandbox, tmp_path: Path) -> None:
    assert len(await _collect(sandbox, OracleAgent, None)) == 3
    assert list(tmp_path.iterdir()) == []


async def test_an_episode_whose_browser_is_killed_is_void_and_attempted_again(
    tmp_path: Path,
) -> None:
    async with Sandbox.open() as sandbox:
        killed: list[int] = []

        def make_agent(env: Env) -> Agent:
            if not killed:
                killed.append(sandbox.process_id)
                os.killpg(sandbox.process_id, signal.SIGKILL)
            return OracleAgent(env)

        played = await _collect(sandbox, make_agent, tmp_path)

    assert [position for position, _ in played] == [0, 1, 2, 0]
    assert played[0][1].void is not None
    assert [trajectory.is_success for _, trajectory in played] == [None, True, True, True]
    assert len(read_run(tmp_path)) == 4


async def test_too_many_void_episodes_end_the_run(tmp_path: Path) -> None:
    async with Sandbox.open() as sandbox:

        def make_agent(env: Env) -> Agent:
            os.killpg(sandbox.process_id, signal.SIGKILL)
            return OracleAgent(env)

        with pytest.raises(SandboxError, match="2 of 3 episodes are void, too many to go on"):
            await _collect(sandbox, make_agent, tmp_path)

    assert len(read_run(tmp_path)) == 5
