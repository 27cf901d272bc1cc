"""Where training gets its episodes from."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cairn.agents.engine import SamplingParams
from cairn.agents.engines.hf import HFEngine
from cairn.agents.llm import LLMAgent, Prompt, Tokenizer
from cairn.agents.rollout import rollout
from cairn.agents.trajectory import Trajectory
from cairn.envs.core import Env
from cairn.envs.task import Task
from cairn.sandbox.sandbox import Sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeRequest:
    """One episode to run.

    Attributes:
        task: Id of the task.
        seed: The instance.
        sampling_seed: Seeds the agent's random choices.
    """

    task: str
    seed: int
    sampling_seed: int


Collect = Callable[[Sequence[EpisodeRequest]], Awaitable[list[Trajectory]]]
"""Runs episodes; the trajectories come back in the order of the requests."""


def browser_collector(
    sandbox: Sandbox,
    engine: HFEngine,
    tokenizer: Tokenizer,
    *,
    tasks: Mapping[str, Task[Any]],
    prompt: Prompt,
    params: SamplingParams,
    concurrency: int,
) -> Collect:
    """Return what runs episodes in the browser, so many at a time, with the engine's model.

    Episodes proceed in lockstep: the model is asked when all of them wait for it, so the same
    requests give the same trajectories under any load.
    """

    async def run(request: EpisodeRequest) -> Trajectory:
        env = Env(tasks[request.task], sandbox)
        agent = LLMAgent(
            engine=engine,
            tokenizer=tokenizer,
            prompt=prompt,
            params=replace(params, seed=request.sampling_seed),
        )
        try:
            return await rollout(env, request.seed, lambda _: agent)
        finally:
            await env.close()

    async def collect(requests: Sequence[EpisodeRequest]) -> list[Trajectory]:
        waiting = deque(enumerate(requests))
        done: dict[int, Trajectory] = {}

        async def worker() -> None:
            with engine.client():
                while waiting:
                    position, request = waiting.popleft()
                    done[position] = await run(request)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(concurrency, len(requests))):
                    group.create_task(worker())
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return [done[position] for position in range(len(requests))]

    return collect
