"""Collecting: many episodes, a second attempt for void ones, each kept in a run folder."""

import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

from cairn.agents.episodes import write_episode
from cairn.agents.rollout import Request, run_all
from cairn.agents.trajectory import Trajectory
from cairn.sandbox.errors import Boundary, SandboxError
from cairn.sandbox.sandbox import Sandbox

MAX_VOID_SHARE = 0.1


async def collect(
    sandbox: Sandbox, requests: Sequence[Request], *, run: Path | None, agent: str, concurrency: int
) -> AsyncGenerator[tuple[int, Trajectory]]:
    """Run the episodes and keep them; yield each, with its request's position, as it ends.

    A void episode is kept and yielded too, and its instance is attempted once more.

    Args:
        sandbox: Where they happen.
        requests: The episodes.
        run: The run folder; None keeps nothing.
        agent: Name of the agent, for the record.
        concurrency: Episodes at a time.

    Raises:
        SandboxError: If more than a tenth of the instances are void at the second attempt too.
        ConfigError: If the run folder cannot be written.
    """
    void: list[int] = []
    # Closed by hand: episodes that outlive their sandbox would start another browser.
    async with aclosing(run_all(sandbox, requests, concurrency=concurrency)) as episodes:
        async for position, trajectory in episodes:
            _keep(run, trajectory, requests[position], agent)
            if trajectory.void is not None:
                void.append(position)
            yield position, trajectory
    num_void = 0
    again = [requests[position] for position in void]
    async with aclosing(run_all(sandbox, again, concurrency=concurrency)) as episodes:
        async for number, trajectory in episodes:
            _keep(run, trajectory, again[number], agent)
            yield void[number], trajectory
            num_void += trajectory.void is not None
            if num_void > math.ceil(MAX_VOID_SHARE * len(requests)):
                raise SandboxError(
                    Boundary.BROWSER,
                    f"{num_void} of {len(requests)} episodes are void, too many to go on; "
                    f"the last: {trajectory.void}",
                )


def _keep(run: Path | None, trajectory: Trajectory, request: Request, agent: str) -> None:
    if run is not None:
        write_episode(run, trajectory, task=request.task, agent=agent)
