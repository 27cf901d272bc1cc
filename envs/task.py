"""Tasks: named, versioned, seed-parametric things to do."""

import random
from abc import ABC, abstractmethod
from collections.abc import Generator
from enum import StrEnum
from typing import Generic, TypeVar

from cairn.envs.actions import Action
from cairn.envs.observation import Observation
from cairn.envs.world import World
from cairn.rewards.milestones import Detector, Milestone

FactsT = TypeVar("FactsT")


class Category(StrEnum):
    """The categories of the Milestone Suite, and one for pages that come with their own reward."""

    WEB = "web"
    FORM = "form"
    FILE = "file"
    MAIL = "mail"
    SETTINGS = "settings"
    SEARCH = "search"
    GUEST = "guest"


class Task(ABC, Generic[FactsT]):
    """A thing to do, as a family of instances: one for each seed.

    `draw` decides what an instance is about; everything else is a pure function of those facts.

    Attributes:
        name: Kebab-case, without the version.
        version: Raised whenever a reward or a start state changes.
        category: Row of the milestone table whose values it uses.
        start_url: Page on which the episode begins; None for a task without a browser.
        max_steps: Actions allowed.
        has_shell: Whether the agent can run commands, which needs bubblewrap.
    """

    name: str
    version: int = 1
    category: Category
    start_url: str | None
    max_steps: int = 10
    has_shell: bool = False

    @property
    def id(self) -> str:
        """Name with version, such as `mail-send-attachment-v1`."""
        return f"{self.name}-v{self.version}"

    @abstractmethod
    def draw(self, rng: random.Random) -> FactsT:
        """Draw the facts of one instance: what is asked, the truth, the distractors."""

    @abstractmethod
    def setup(self, world: World, facts: FactsT) -> None:
        """Fill sites and workspace."""

    @abstractmethod
    def goal(self, facts: FactsT) -> str:
        """Say what to do, with everything needed to do it."""

    @abstractmethod
    def milestones(self, facts: FactsT) -> tuple[Milestone, ...]:
        """List what pays."""

    @abstractmethod
    def goal_check(self, facts: FactsT) -> Detector:
        """Return what must hold, besides the required milestones, for success."""

    def failure(self, facts: FactsT) -> Detector | None:
        """Return what ends an episode that can no longer succeed, if anything does."""
        del facts
        return None

    @abstractmethod
    def oracle(
        self, facts: FactsT, observation: Observation
    ) -> Generator[Action, Observation, None]:
        """Solve the instance with ordinary actions.

        A generator: it yields an action and is sent the observation that follows, as in
        `observation = yield Click(ref=...)`.
        """
