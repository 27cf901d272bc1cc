import itertools
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from cairn.agents import check
from cairn.agents.check import (
    Finding,
    Instance,
    Proof,
    Verdict,
    finding_case,
    first_difference,
    prove,
)
from cairn.agents.junit import Outcome
from cairn.agents.trajectory import Trajectory
from cairn.envs.actions import Action, Click, Wait
from cairn.envs.observation import Observation
from cairn.envs.task import Task
from cairn.envs.tasks import TASKS
from cairn.envs.tasks.search_open import Facts, SearchOpen
from cairn.rewards.detectors import TitleShown
from cairn.rewards.milestones import Detection, Milestone
from cairn.sandbox.events import Event
from tests.agents.trajectories import event, trajectory


class Generous(SearchOpen):
    """Pays for what the start page shows."""

    def milestones(self, facts: Facts) -> tuple[Milestone, ...]:
        arrived = Milestone(name="arrived", value=0.25, detector=TitleShown("Library"))
        return (*super().milestones(facts), arrived)


class Lazy(SearchOpen):
    """Its oracle gives up after half of the way."""

    def oracle(
        self, facts: Facts, observation: Observation
    ) -> Generator[Action, Observation, None]:
        solution = super().oracle(facts, observation)
        yield solution.send((yield next(solution)))
        while True:
            yield Wait(seconds=1)


class Lost(SearchOpen):
    """Its oracle ends too early."""

    def oracle(
        self, facts: Facts, observation: Observation
    ) -> Generator[Action, Observation, None]:
        yield Click(ref="e1")


class Moody(SearchOpen):
    """Its goal changes from one reset to the next."""

    count = itertools.count()

    def goal(self, facts: Facts) -> str:
        return f"{super().goal(facts)} ({next(self.count)})"


class Raises:
    """A detector with a mistake in it."""

    def detect(self, events: Sequence[Event]) -> Detection:
        raise KeyError("value")


class Faulty(SearchOpen):
    """One of its detectors raises."""

    def milestones(self, facts: Facts) -> tuple[Milestone, ...]:
        return (Milestone(name="faulty", value=0.5, detector=Raises()),)


async def _prove(*tasks: Task[Any], seeds: int = 1) -> list[Finding]:
    instances = [Instance(task=task, seed=seed) for task in tasks for seed in range(seeds)]
    return [finding async for finding in prove(instances)]


def _refuted(findings: list[Finding]) -> dict[str, str]:
    return {f.proof.value: f.detail for f in findings if f.verdict is not Verdict.PROVED}


@pytest.mark.browser
@pytest.mark.asyncio
async def test_every_task_of_the_suite_proves_itself() -> None:
    findings = await _prove(*TASKS.values(), seeds=2)

    assert [f for f in findings if f.verdict is not Verdict.PROVED] == []
    assert len(findings) == 6 * 2 * len(Proof)


@pytest.mark.browser
@pytest.mark.asyncio
async def test_a_task_that_pays_for_nothing_is_refuted() -> None:
    assert _refuted(await _prove(Generous())) == {"noop": "doing nothing earned 0.25: arrived"}


@pytest.mark.browser
@pytest.mark.asyncio
async def test_an_oracle_that_does_not_earn_everything_is_refuted() -> None:
    assert _refuted(await _prove(Lazy())) == {"oracle": "milestones not paid: entry-opened"}


@pytest.mark.browser
@pytest.mark.asyncio
async def test_an_oracle_that_ends_early_is_refuted_with_its_own_words() -> None:
    refuted = _refuted(await _prove(Lost()))

    assert "the oracle ended before the episode did" in refuted["oracle"]
    assert set(refuted) == {"oracle", "ledger", "repeat", "load"}


@pytest.mark.browser
@pytest.mark.asyncio
async def test_a_task_that_differs_from_run_to_run_is_refuted_alone_and_under_load() -> None:
    refuted = _refuted(await _prove(Moody()))

    assert set(refuted) == {"repeat", "load"}
    assert refuted["repeat"].startswith("step 0: goal: ...")


@pytest.mark.browser
@pytest.mark.asyncio
async def test_a_detector_that_raises_is_the_tasks_fault_and_not_void() -> None:
    findings = await _prove(Faulty())

    assert {f.verdict for f in findings if f.proof is Proof.ORACLE} == {Verdict.REFUTED}
    assert "a detector raised KeyError" in _refuted(findings)["oracle"]


def test_a_broken_browser_says_nothing_about_the_task() -> None:
    run = check._Attempt(trajectory=trajectory(void="browser: gone"))

    finding = check._finding(Instance(task=SearchOpen(), seed=1), Proof.ORACLE, run, "unpaid")

    assert (finding.verdict, finding.detail) == (Verdict.VOID, "browser: gone")


def test_equal_episodes_do_not_differ_whatever_time_they_took() -> None:
    one = trajectory()

    assert first_difference(one, replace(one, wall_s=99.0)) == ""


def _with_page(made: Trajectory, page: str) -> Trajectory:
    assert made.last_observation is not None
    return replace(made, last_observation=replace(made.last_observation, page=page))


def test_the_first_difference_is_named_by_step_and_field() -> None:
    one = trajectory(num_steps=2)

    assert first_difference(one, _with_page(one, "other")) == (
        """step 2: page: ...'- button "Page 2" [r... and ...'other'..."""
    )
    shorter = trajectory(num_steps=1)
    assert first_difference(one, shorter) == ("step 2: one episode has ended, the other goes on")


def test_evidence_that_differs_is_found_although_the_agent_does_not_see_it() -> None:
    one = trajectory(num_steps=1)
    other = replace(one, events=(*one.events, event(1)))

    assert first_difference(one, other).startswith("step 1: events: ")


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        (Verdict.PROVED, Outcome.PASSED),
        (Verdict.REFUTED, Outcome.FAILED),
        (Verdict.VOID, Outcome.ERROR),
    ],
)
def test_a_finding_becomes_a_case_of_a_report(verdict: Verdict, outcome: Outcome) -> None:
    finding = Finding(task="t-v1", seed=4, proof=Proof.LOAD, verdict=verdict, detail="why")

    case = finding_case(finding)

    assert (case.group, case.name, case.outcome) == ("t-v1", "load seed 4", outcome)
    assert case.message == "why"
