"""A task on the lab site, for tests of what surrounds tasks."""

import random
from collections.abc import Generator, Mapping, Sequence
from typing import ClassVar

from cairn.envs.actions import Action, Click
from cairn.envs.observation import Observation
from cairn.envs.task import Category, Task
from cairn.envs.tasks.oracles import ref_of
from cairn.envs.world import World
from cairn.rewards.detectors import DialogOpened, NotificationShown, Submitted
from cairn.rewards.milestones import Detection, Detector, Milestone
from cairn.sandbox.events import Event
from tests.lab import HOME, fill_lab

SAVE_PAGE = """
    <form method=post action=/done><button>Save</button></form>
    <button onclick="fetch('/boom')">Boom</button><button onclick="fetch('/never')">Never</button>
    <button onclick="confirm('Sure?')">Ask</button><a href=/other>Other</a>
"""
PAGES = {"/": SAVE_PAGE, "/done": "<p role=status>Saved</p>", "/other": "<p>other</p>"}


class LabTask(Task[int]):
    """Press Save."""

    name = "lab"
    category = Category.WEB
    start_url: str | None = HOME
    max_steps = 4
    pages: ClassVar[Mapping[str, str]] = PAGES

    def draw(self, rng: random.Random) -> int:
        return rng.randrange(1000)

    def setup(self, world: World, facts: int) -> None:
        fill_lab(world.site("lab"), self.pages)
        world.write_file("facts.txt", str(facts))

    def goal(self, facts: int) -> str:
        return f"Save {facts}."

    def milestones(self, facts: int) -> tuple[Milestone, ...]:
        return (
            Milestone(name="submitted", value=0.25, detector=Submitted(name="Save")),
            Milestone(name="saved", value=0.5, detector=NotificationShown(text="Saved")),
            Milestone(
                name="asked", value=0.125, detector=DialogOpened(name="Sure?"), is_required=False
            ),
        )

    def goal_check(self, facts: int) -> Detector:
        return NotificationShown(text="Saved")

    def oracle(self, facts: int, observation: Observation) -> Generator[Action, Observation, None]:
        yield Click(ref=ref_of(observation, "button", "Save"))


class BrokenDetector:
    """Raises when it is asked."""

    def detect(self, events: Sequence[Event]) -> Detection:
        raise ZeroDivisionError("a bug of the task")


class BrokenRewardTask(LabTask):
    """Its detector raises."""

    def milestones(self, facts: int) -> tuple[Milestone, ...]:
        return (Milestone(name="broken", value=0.5, detector=BrokenDetector()),)


class BrokenSiteTask(LabTask):
    """Its first page cannot be served."""

    start_url = f"{HOME}boom"


class ShortOracleTask(LabTask):
    """Its oracle ends before the episode does."""

    def oracle(self, facts: int, observation: Observation) -> Generator[Action, Observation, None]:
        yield Click(ref=ref_of(observation, "link", "Other"))
