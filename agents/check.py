"""Tasks prove themselves: `cairn check`.

Five proofs for each instance. The oracle earns everything; its ledger can be computed again from
the evidence alone; doing nothing earns exactly 0; a second run in another browser is the same to
the byte; and so is one among seven others.
"""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from cairn.agents.junit import Case, Outcome
from cairn.agents.rescore import payments_of, rescored
from cairn.agents.rollout import rollout
from cairn.agents.scripted import AgentMaker, NoopAgent, OracleAgent
from cairn.agents.trajectory import Trajectory, Turn
from cairn.envs.core import Env, draw_facts
from cairn.envs.task import Task
from cairn.sandbox.errors import Boundary, TaskError
from cairn.sandbox.sandbox import Sandbox

LOAD = 8


class Proof(StrEnum):
    """What is proved."""

    ORACLE = "oracle"
    LEDGER = "ledger"
    NOOP = "noop"
    REPEAT = "repeat"
    LOAD = "load"


class Verdict(StrEnum):
    """How a proof came out; VOID says nothing about the task."""

    PROVED = "proved"
    REFUTED = "refuted"
    VOID = "void"


OUTCOMES = {
    Verdict.PROVED: Outcome.PASSED,
    Verdict.REFUTED: Outcome.FAILED,
    Verdict.VOID: Outcome.ERROR,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One proof of one instance.

    Attributes:
        task: Id of the task.
        seed: The instance.
        proof: What was to be proved.
        verdict: Whether it was.
        detail: What was seen instead; empty when proved.
        wall_s: Real time it took.
    """

    task: str
    seed: int
    proof: Proof
    verdict: Verdict
    detail: str = ""
    wall_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A task at a seed."""

    task: Task[Any]
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """One episode: what came of it, or why the agent could not play it."""

    trajectory: Trajectory
    problem: str = ""


async def prove(instances: Sequence[Instance]) -> AsyncGenerator[Finding]:
    """Prove the instances; yields `len(Proof)` findings for each, in order of proof.

    Raises:
        SetupError: If there is no Chromium.
    """
    async with Sandbox.open() as sandbox:
        oracle_runs = []
        for instance in instances:
            run = await _attempt(sandbox, instance, OracleAgent)
            oracle_runs.append(run)
            yield _finding(instance, Proof.ORACLE, run, _lacks_of_oracle(instance, run.trajectory))
            yield _finding(instance, Proof.LEDGER, run, _lacks_of_ledger(instance, run.trajectory))
        async with aclosing(_under_load(sandbox, instances, NoopAgent)) as runs:
            async for position, run in runs:
                yield _finding(instances[position], Proof.NOOP, run, _earned(run.trajectory))
    async with Sandbox.open() as sandbox:
        for instance, first in zip(instances, oracle_runs, strict=True):
            run = await _attempt(sandbox, instance, OracleAgent)
            yield _finding(instance, Proof.REPEAT, run, _change(first, run))
        async with aclosing(_under_load(sandbox, instances, OracleAgent)) as runs:
            async for position, run in runs:
                change = _change(oracle_runs[position], run)
                yield _finding(instances[position], Proof.LOAD, run, change)


def first_difference(one: Trajectory, other: Trajectory) -> str:
    """Say where two episodes first differ in what was seen, done, earned or recorded, or ""."""
    for step, (a, b) in enumerate(itertools.zip_longest(_states(one), _states(other))):
        if a is None or b is None:
            return f"step {step}: one episode has ended, the other goes on"
        for field, value in a.items():
            if repr(value) != repr(b[field]):
                return f"step {step}: {field}: {_around_difference(repr(value), repr(b[field]))}"
    return ""


def finding_case(finding: Finding) -> Case:
    """Return a finding as a case of a test report."""
    return Case(
        group=finding.task,
        name=f"{finding.proof} seed {finding.seed}",
        outcome=OUTCOMES[finding.verdict],
        message=finding.detail,
        time_s=finding.wall_s,
    )


async def _attempt(sandbox: Sandbox, instance: Instance, make_agent: AgentMaker) -> _Attempt:
    env = Env(instance.task, sandbox)
    try:
        return _Attempt(trajectory=await rollout(env, instance.seed, make_agent))
    except TaskError as error:
        nothing = Trajectory(
            task=instance.task.id,
            seed=instance.seed,
            turns=(),
            last_observation=None,
            events=(),
            is_success=False,
        )
        return _Attempt(trajectory=nothing, problem=str(error))
    finally:
        await env.close()


async def _under_load(
    sandbox: Sandbox, instances: Sequence[Instance], make_agent: AgentMaker
) -> AsyncGenerator[tuple[int, _Attempt]]:
    """Run every instance with seven other episodes going on; yield each as it ends."""
    free = asyncio.Semaphore(LOAD)

    async def run(position: int) -> tuple[int, _Attempt]:
        async with free:
            return position, await _attempt(sandbox, instances[position], make_agent)

    # Few instances are joined by more episodes of their own, which are not reported.
    company = range(len(instances), LOAD)
    tasks = [asyncio.create_task(run(position)) for position in range(len(instances))]
    others = [asyncio.create_task(run(position % len(instances))) for position in company]
    try:
        for ended in asyncio.as_completed(tasks):
            yield await ended
    finally:
        for task in (*tasks, *others):
            task.cancel()
        await asyncio.gather(*tasks, *others, return_exceptions=True)


def _finding(instance: Instance, proof: Proof, run: _Attempt, lack: str) -> Finding:
    verdict = Verdict.REFUTED if run.problem or lack else Verdict.PROVED
    detail = run.problem or lack
    if run.trajectory.void is not None:
        detail = run.trajectory.void
        # A detector that raises makes the step void, but it is the task's own fault.
        is_own_fault = detail.startswith(f"{Boundary.REWARD}:")
        verdict = Verdict.REFUTED if is_own_fault else Verdict.VOID
    return Finding(
        task=instance.task.id,
        seed=instance.seed,
        proof=proof,
        verdict=verdict,
        detail=" ".join(detail.split()),
        wall_s=run.trajectory.wall_s,
    )


def _lacks_of_oracle(instance: Instance, trajectory: Trajectory) -> str:
    milestones = instance.task.milestones(draw_facts(instance.task, instance.seed))
    wanted = sorted((milestone.name, milestone.value) for milestone in milestones)
    paid = sorted((payment.milestone, payment.value) for payment in payments_of(trajectory))
    if paid != wanted:
        missing = [name for name, value in wanted if (name, value) not in paid]
        return f"milestones not paid: {', '.join(missing)}" if missing else f"paid {paid}"
    return "" if trajectory.is_success else "everything is paid, but the goal check does not hold"


def _lacks_of_ledger(instance: Instance, trajectory: Trajectory) -> str:
    again = payments_of(rescored(instance.task, trajectory))
    paid = payments_of(trajectory)
    return "" if again == paid else f"paid {paid}, but the evidence gives {again}"


def _earned(trajectory: Trajectory) -> str:
    names = [payment.milestone for payment in payments_of(trajectory)]
    if names or trajectory.episode_return != 0:
        return f"doing nothing earned {trajectory.episode_return}: {', '.join(names)}"
    return "doing nothing is a success" if trajectory.is_success else ""


def _change(first: _Attempt, again: _Attempt) -> str:
    if first.problem or first.trajectory.void is not None:
        return "there is no first run to compare with"
    return first_difference(first.trajectory, again.trajectory)


def _states(trajectory: Trajectory) -> Iterator[dict[str, object]]:
    """Yield what is compared of the reset and of each step."""
    observations = [turn.observation for turn in trajectory.turns]
    if trajectory.last_observation is not None:
        observations.append(trajectory.last_observation)
    turns: list[Turn | None] = [None, *trajectory.turns]
    for step, (observation, turn) in enumerate(zip(observations, turns, strict=False)):
        yield {
            "action": turn.decision.action if turn else None,
            **asdict(observation),
            "reward": turn.reward if turn else None,
            "payments": turn.payments if turn else (),
            "events": [asdict(event) for event in trajectory.events if event.step == step],
        }


def _around_difference(one: str, other: str) -> str:
    place = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    place = min(len(one), len(other)) if place is None else place
    start = max(0, place - 20)
    return f"...{one[start : place + 20]}... and ...{other[start : place + 20]}..."
