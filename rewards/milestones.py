"""Milestones: verifiable state transitions, each worth a share of the reward."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cairn.sandbox.errors import TaskError
from cairn.sandbox.events import Event


class Status(StrEnum):
    """What a detector says; only ABSTAIN lets another tier decide."""

    FIRED = "FIRED"
    NOT_FIRED = "NOT_FIRED"
    ABSTAIN = "ABSTAIN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """A detector's result.

    Attributes:
        status: FIRED, NOT_FIRED or ABSTAIN.
        evidence: The events that prove it, in order; empty unless FIRED.
        reason: Why it abstained; empty otherwise.
    """

    status: Status
    evidence: tuple[Event, ...] = ()
    reason: str = ""


NOT_FIRED = Detection(status=Status.NOT_FIRED)


class Detector(Protocol):
    """Decides from the evidence alone, so that a recording can be scored again offline."""

    def detect(self, events: Sequence[Event]) -> Detection:
        """Look at the whole evidence of the episode so far; pure and deterministic."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestone:
    """A state the task should reach, and what reaching it pays.

    Attributes:
        name: Unique within the task, kebab-case.
        value: Reward paid once when it fires, in (0, 1]; a task's values need not sum to 1.
        detector: Finds it in the evidence.
        is_required: Whether success needs it.
    """

    name: str
    value: float
    detector: Detector
    is_required: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.value <= 1:
            raise TaskError(f"milestone {self.name!r}: value must be in (0, 1], got {self.value}")
