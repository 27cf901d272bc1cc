"""MiniWoB++, a guest suite: small pages that nobody here wrote, in the ordinary environment."""

import random
from collections.abc import Generator
from dataclasses import dataclass

from cairn.envs.actions import Action
from cairn.envs.guests.miniwob_oracles import ORACLES
from cairn.envs.observation import Observation
from cairn.envs.sites.miniwob import find_pages
from cairn.envs.task import Category, Task
from cairn.envs.world import World
from cairn.rewards.detectors import SiteRow
from cairn.rewards.milestones import Detector, Milestone
from cairn.sandbox.errors import SetupError, TaskError

# They move with animation frames, which the virtual clock does not drive.
EXCLUDED = ("chase-circle", "moving-items")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One instance.

    Attributes:
        seed: What the page's own generator starts from.
    """

    seed: int


class MiniWoBTask(Task[Facts]):
    """Do what a page of MiniWoB++ asks; its own reward decides.

    Args:
        page: Name of the page, such as `click-test`.
    """

    category = Category.GUEST
    max_steps = 30

    def __init__(self, page: str) -> None:
        self.page = page
        self.name = f"miniwob-{page}"
        self.start_url = f"http://miniwob.localhost/miniwob/{page}.html"

    def draw(self, rng: random.Random) -> Facts:
        """See `Task`."""
        return Facts(seed=rng.randrange(2**31))

    def setup(self, world: World, facts: Facts) -> None:
        """See `Task`."""
        statement = "INSERT INTO episodes (page, seed) VALUES (?, ?)"
        world.site("miniwob").execute(statement, (self.page, facts.seed))

    def goal(self, facts: Facts) -> str:
        """See `Task`."""
        del facts
        return "Do what the page asks in its first lines."

    def milestones(self, facts: Facts) -> tuple[Milestone, ...]:
        """See `Task`."""
        return (Milestone(name="rewarded", value=1.0, detector=self.goal_check(facts)),)

    def goal_check(self, facts: Facts) -> Detector:
        """See `Task`."""
        del facts
        return _ended(is_success=True)

    def failure(self, facts: Facts) -> Detector:
        """See `Task`."""
        del facts
        return _ended(is_success=False)

    def oracle(
        self, facts: Facts, observation: Observation
    ) -> Generator[Action, Observation, None]:
        """See `Task`."""
        del facts
        if self.page not in ORACLES:
            raise TaskError(f"task {self.id!r} has no scripted solution")
        return ORACLES[self.page](observation)


def _ended(*, is_success: bool) -> SiteRow:
    values = {"is_success": int(is_success)}
    return SiteRow(site="miniwob", table="episodes", values=values)


def _pages() -> list[str]:
    try:
        folder = find_pages() / "miniwob"
    except SetupError:
        return []
    return sorted(path.stem for path in folder.glob("*.html") if path.stem not in EXCLUDED)


# Both are empty where the package is missing.
TASKS = {task.id: task for task in map(MiniWoBTask, _pages())}
SUITES = (
    {
        "miniwob": tuple(TASKS),
        "miniwob-scripted": tuple(task.id for task in TASKS.values() if task.page in ORACLES),
    }
    if TASKS
    else {}
)
