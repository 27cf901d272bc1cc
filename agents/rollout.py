"""Runs agents in environments."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from cairn.agents.scripted import AgentMaker
from cairn.agents.trajectory import Trajectory, Turn
from cairn.envs.core import Env
from cairn.envs.task import Task
from cairn.sandbox.errors import SandboxError
from cairn.sandbox.sandbox import Sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One episode to run.

    Attributes:
        task: What to do.
        seed: The instance.
        make_agent: Makes the agent that acts in it.
    """

    task: Task[Any]
    seed: int
    make_agent: AgentMaker


async def rollout(env: Env, seed: int, make_agent: AgentMaker) -> Trajectory:
    """Run one episode to its end.

    A failure of the sandbox gives a void trajectory, with the turns before it and no success.
    """
    started = time.perf_counter()
    turns: list[Turn] = []
    void, is_success, observation = None, None, None
    try:
        observation = await env.reset(seed)
        agent = make_agent(env)
        while True:
            decision = await agent.act(observation)
            result = await env.step(decision.action)
            if result.reward is None:
                void = result.void
                break
            turns.append(
                Turn(
                    observation=observation,
                    decision=decision,
                    reward=result.reward,
                    payments=result.payments,
                )
            )
            observation, is_success = result.observation, result.is_success
            if result.is_over:
                break
    except SandboxError as error:
        void, is_success = str(error), None
    return Trajectory(
        task=env.task.id,
        seed=seed,
        turns=tuple(turns),
        last_observation=observation,
        events=tuple(env.events),
        is_success=None if void else is_success,
        void=void,
        wall_s=time.perf_counter() - started,
    )


async def run_all(
    sandbox: Sandbox, requests: Sequence[Request], *, concurrency: int
) -> AsyncGenerator[tuple[int, Trajectory]]:
    """Run many episodes, so many at a time; yield each with its position as it ends."""
    waiting = asyncio.Semaphore(concurrency)

    async def run(position: int, request: Request) -> tuple[int, Trajectory]:
        async with waiting:
            env = Env(request.task, sandbox)
            try:
                return position, await rollout(env, request.seed, request.make_agent)
            finally:
                await env.close()

    tasks = [asyncio.create_task(run(i, request)) for i, request in enumerate(requests)]
    try:
        for ended in asyncio.as_completed(tasks):
            yield await ended
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
