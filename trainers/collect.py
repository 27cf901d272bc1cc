"""Where training gets its episodes from."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cairn.agents.engine import SamplingParams
from cairn.agents.engines.hf import Cohort, HFEngine
from cairn.agents.llm import LLMAgent, Prompt, Tokenizer
from cairn.agents.rollout import rollout
from cairn.agents.trajectory import Trajectory
from cairn.envs.core import Env
from cairn.envs.task import Task
from cairn.sandbox.sandbox import Sandbox

NUM_COHORTS = 2


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

    Episodes proceed in lockstep, in two cohorts: the model is asked when all of a cohort wait for
    it, so the same requests give the same trajectories under any load; meanwhile the browser works
    for the other.
    """

    async def run(cohort: Cohort, request: EpisodeRequest) -> Trajectory:
        env = Env(tasks[request.task], sandbox)
        agent = LLMAgent(
            engine=cohort,
            tokenizer=tokenizer,
            prompt=prompt,
            params=replace(params, seed=request.sampling_seed),
        )
        try:
            return await rollout(env, request.seed, lambda _: agent)
        finally:
            await env.close()

    async def collect(requests: Sequence[EpisodeRequest]) -> list[Trajectory]:
        done: dict[int, Trajectory] = {}

        async def worker(cohort: Cohort, waiting: deque[tuple[int, EpisodeRequest]]) -> None:
            with cohort.client():
                while waiting:
                    position, request = waiting.popleft()
                    done[position] = await run(cohort, request)

        try:
            async with asyncio.TaskGroup() as group:
                shares = _shared_out(requests, min(NUM_COHORTS, concurrency))
                for number, waiting in enumerate(shares):
                    cohort = engine.cohort()
                    num_workers = len(range(number, concurrency, len(shares)))
                    for _ in range(min(num_workers, len(waiting))):
                        group.create_task(worker(cohort, waiting))
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return [done[position] for position in range(len(requests))]

    return collect


def _shared_out(
    requests: Sequence[EpisodeRequest], num_shares: int
) -> list[deque[tuple[int, EpisodeRequest]]]:
    """Deal out the requests; those of one instance share prompts, so they stay together.

    Returns:
        For each share, the requests with their positions.
    """
    shares: list[deque[tuple[int, EpisodeRequest]]] = [deque() for _ in range(num_shares)]
    numbers: dict[tuple[str, int], int] = {}
    for position, request in enumerate(requests):
        number = numbers.setdefault((request.task, request.seed), len(numbers))
        shares[number % num_shares].append((position, request))
    return shares
