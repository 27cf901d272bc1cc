"""Tasks described in figures, for listings."""

from dataclasses import dataclass
from typing import Any

from cairn.envs.core import draw_facts
from cairn.envs.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneDescription:
    """What one milestone pays."""

    name: str
    value: float
    is_required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDescription:
    """What there is to know of a task without running it.

    Attributes:
        id: Name with version.
        category: Row of the milestone table.
        start_url: Page on which an episode begins; None without a browser.
        max_steps: Actions allowed.
        milestones: What pays, in order.
        total: Sum of the milestones' values.
        example_goal: Goal of the instance with seed 0.
    """

    id: str
    category: str
    start_url: str | None
    max_steps: int
    milestones: tuple[MilestoneDescription, ...]
    total: float
    example_goal: str


def describe_task(task: Task[Any]) -> TaskDescription:
    """Describe a task, by its instance with seed 0."""
    facts = draw_facts(task, 0)
    milestones = tuple(
        MilestoneDescription(name=m.name, value=m.value, is_required=m.is_required)
        for m in task.milestones(facts)
    )
    return TaskDescription(
        id=task.id,
        category=task.category.value,
        start_url=task.start_url,
        max_steps=task.max_steps,
        milestones=milestones,
        total=sum(milestone.value for milestone in milestones),
        example_goal=task.goal(facts),
    )
