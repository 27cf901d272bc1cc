"""The ledger: a receipt for every reward, recomputable from the evidence alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from cairn.rewards.milestones import Detector, Milestone, Status
from cairn.sandbox.events import Event


class Tier(StrEnum):
    """Which tier of the reward stack decided."""

    RULE = "rule"
    MODEL = "model"
    JUDGE = "judge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One receipt.

    Attributes:
        step: The step whose transition is paid.
        milestone: Name of the milestone.
        tier: Who decided.
        value: What it pays.
        evidence: Sequence numbers of the events that prove it.
    """

    step: int
    milestone: str
    tier: Tier
    value: float
    evidence: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What one transition earned.

    Attributes:
        reward: Sum of the payments; 0.0 means nothing was reached, never that scoring failed.
        payments: The receipts.
        abstained: Names of milestones that no active tier could decide.
        is_success: All required milestones paid and the goal check fired.
    """

    reward: float
    payments: tuple[Payment, ...]
    abstained: tuple[str, ...]
    is_success: bool


class Ledger:
    """Scores an episode by its milestones, each paid at most once."""

    def __init__(self, milestones: Sequence[Milestone], goal_check: Detector) -> None:
        self.milestones = tuple(milestones)
        self.goal_check = goal_check
        self.payments: list[Payment] = []

    def score(self, events: Sequence[Event], *, step: int) -> Score:
        """Pay what the evidence up to and including `step` newly proves."""
        paid = {payment.milestone for payment in self.payments}
        new, abstained = [], []
        for milestone in self.milestones:
            if milestone.name in paid:
                continue
            detection = milestone.detector.detect(events)
            if detection.status is Status.ABSTAIN:
                abstained.append(milestone.name)
            elif detection.status is Status.FIRED:
                evidence = tuple(event.seq for event in detection.evidence)
                new.append(
                    Payment(
                        step=step,
                        milestone=milestone.name,
                        tier=Tier.RULE,
                        value=milestone.value,
                        evidence=evidence,
                    )
                )
        self.payments += new
        return Score(
            reward=sum((payment.value for payment in new), 0.0),
            payments=tuple(new),
            abstained=tuple(abstained),
            is_success=self._is_success(events),
        )

    def _is_success(self, events: Sequence[Event]) -> bool:
        paid = {payment.milestone for payment in self.payments}
        return (
            all(m.name in paid for m in self.milestones if m.is_required)
            and self.goal_check.detect(events).status is Status.FIRED
        )
