from collections.abc import Sequence

import pytest

from cairn.rewards.detectors import AllOf, FieldFilled
from cairn.rewards.ledger import Ledger, Payment, Tier
from cairn.rewards.milestones import Detection, Detector, Milestone, Status
from cairn.sandbox.errors import TaskError
from cairn.sandbox.events import Event, EventKind
from tests.evidence import Entry, entry, evidence


def filled(name: str) -> Entry:
    return entry(EventKind.FIELD_FILLED, name=name, value="1", by_agent=True)


def field(name: str) -> FieldFilled:
    return FieldFilled(name=name, value="1")


def milestone(name: str, value: float, *, is_required: bool = True) -> Milestone:
    return Milestone(name=name, value=value, detector=field(name), is_required=is_required)


class Abstaining:
    """Cannot tell."""

    def detect(self, events: Sequence[Event]) -> Detection:
        return Detection(status=Status.ABSTAIN, reason="no stream")


def scores(ledger: Ledger, *entries: Entry) -> list[float]:
    """Score after each event, one event a step."""
    events = evidence(*entries)
    return [ledger.score(events[:step], step=step).reward for step in range(1, len(events) + 1)]


def test_each_milestone_pays_once() -> None:
    ledger = Ledger([milestone("a", 0.25), milestone("b", 0.5)], field("b"))
    assert scores(ledger, filled("a"), filled("a"), filled("b"), filled("a")) == [0.25, 0, 0.5, 0]


def test_milestones_reached_together_are_paid_together() -> None:
    ledger = Ledger([milestone("a", 0.25), milestone("b", 0.5)], field("b"))
    score = ledger.score(evidence(filled("b"), filled("a")), step=2)
    assert score.reward == 0.75
    assert [payment.milestone for payment in score.payments] == ["a", "b"]


def test_payment_names_milestone_tier_value_step_and_evidence() -> None:
    both = Milestone(name="both", value=0.5, detector=AllOf(field("a"), field("b")))
    ledger = Ledger([both], field("a"))
    score = ledger.score(evidence(filled("a"), filled("x"), filled("b")), step=3)
    expected = Payment(step=3, milestone="both", tier=Tier.RULE, value=0.5, evidence=(0, 2))
    assert score.payments == (expected,)
    assert ledger.payments == [expected]


def test_success_needs_required_milestones_and_the_goal_check() -> None:
    milestones = [milestone("a", 0.25), milestone("bonus", 0.25, is_required=False)]
    ledger = Ledger(milestones, field("goal"))
    events = evidence(filled("goal"), filled("a"))
    assert not ledger.score(events[:1], step=1).is_success
    assert ledger.score(events, step=2).is_success


def test_success_is_lost_when_the_goal_check_no_longer_holds() -> None:
    class LastIsGoal:
        def detect(self, events: Sequence[Event]) -> Detection:
            is_goal = events[-1].data["name"] == "goal"
            return field("goal").detect(events) if is_goal else field("-").detect(events)

    ledger = Ledger([milestone("a", 0.25)], LastIsGoal())
    events = evidence(filled("a"), filled("goal"), filled("x"))
    assert ledger.score(events[:2], step=2).is_success
    assert not ledger.score(events, step=3).is_success


def test_abstaining_milestone_is_named_and_pays_nothing() -> None:
    unknown: Detector = Abstaining()
    ledger = Ledger([Milestone(name="tone", value=0.5, detector=unknown)], field("a"))
    score = ledger.score(evidence(filled("a")), step=1)
    assert (score.reward, score.payments, score.abstained) == (0, (), ("tone",))
    assert not score.is_success


def test_no_evidence_pays_nothing() -> None:
    ledger = Ledger([milestone("a", 1.0)], field("a"))
    score = ledger.score([], step=0)
    assert (score.reward, score.payments, score.is_success) == (0, (), False)


def test_a_recording_scores_the_same_offline() -> None:
    entries = [filled("a"), filled("x"), filled("b"), filled("a")]
    first, second = (
        Ledger([milestone("a", 0.25), milestone("b", 0.5)], field("b")) for _ in range(2)
    )
    assert scores(first, *entries) == scores(second, *entries)
    assert first.payments == second.payments


@pytest.mark.parametrize("value", [0, -0.5, 1.01, float("nan")])
def test_milestone_refuses_a_value_outside_the_unit_interval(value: float) -> None:
    with pytest.raises(TaskError, match=r"must be in \(0, 1\]"):
        milestone("a", value)
