"""Web navigation and data extraction: read one figure from a report table."""

import random
from collections.abc import Generator
from dataclasses import dataclass

from cairn.envs.actions import Action, Answer, Click, Read
from cairn.envs.observation import Observation
from cairn.envs.task import Category, Task
from cairn.envs.tasks.oracles import ref_of
from cairn.envs.tasks.words import DEPARTMENTS, FIRST_NAMES, TOPICS
from cairn.envs.world import World
from cairn.rewards.detectors import Answered, ElementShown, InOrder, NavigatedTo, TextRead
from cairn.rewards.milestones import Detector, Milestone

WORDINGS = (
    "Open Reports, read the {topic} row and answer with its total.",
    "What is the total for {topic} in Reports? Read its row, then answer.",
    "Find {topic} in the Reports table, read the row and give the total.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One instance.

    Attributes:
        wording: Index of the goal's wording.
        topic: Label of the row asked for.
        topics: Labels of all rows, in the order of the table.
        totals: Figures of the report, one for each label.
        budgets: Figures of the budgets, one for each label; none is among the totals.
        staff: Names in the staff list.
        departments: Where they work.
    """

    wording: int
    topic: str
    topics: tuple[str, ...]
    totals: tuple[int, ...]
    budgets: tuple[int, ...]
    staff: tuple[str, ...]
    departments: tuple[str, ...]

    @property
    def figure(self) -> str:
        """The true answer."""
        return str(self.totals[self.topics.index(self.topic)])


class WebReportFigure(Task[Facts]):
    """Open a report, read one row of its table, answer the figure."""

    name = "web-report-figure"
    category = Category.WEB
    start_url = "http://intranet.localhost/"
    max_steps = 6

    def draw(self, rng: random.Random) -> Facts:
        """See `Task`."""
        topics = tuple(rng.sample(TOPICS, 6))
        figures = rng.sample(range(100, 1000), 12)
        return Facts(
            wording=rng.randrange(len(WORDINGS)),
            topic=rng.choice(topics),
            topics=topics,
            totals=tuple(figures[:6]),
            budgets=tuple(figures[6:]),
            staff=tuple(rng.sample(FIRST_NAMES, 5)),
            departments=tuple(rng.choice(DEPARTMENTS) for _ in range(5)),
        )

    def setup(self, world: World, facts: Facts) -> None:
        """See `Task`."""
        database = world.site("intranet")
        people = list(zip(facts.staff, facts.departments, strict=True))
        database.executemany(
            "INSERT INTO news (headline) VALUES (?)",
            [(f"{name} joined {department}",) for name, department in people[:3]],
        )
        database.executemany(
            "INSERT INTO reports (topic, total) VALUES (?, ?)",
            zip(facts.topics, facts.totals, strict=True),
        )
        database.executemany(
            "INSERT INTO budgets (topic, total) VALUES (?, ?)",
            zip(facts.topics, facts.budgets, strict=True),
        )
        database.executemany("INSERT INTO staff (name, department) VALUES (?, ?)", people)

    def goal(self, facts: Facts) -> str:
        """See `Task`."""
        return WORDINGS[facts.wording].format(topic=facts.topic)

    def milestones(self, facts: Facts) -> tuple[Milestone, ...]:
        """See `Task`."""
        shown = ElementShown(role="table", name="Reports Table")
        return (
            Milestone(
                name="report-loaded",
                value=0.25,
                detector=NavigatedTo(url="http://intranet.localhost/reports"),
            ),
            Milestone(name="table-shown", value=0.25, detector=shown),
            Milestone(
                name="figure-read", value=0.5, detector=InOrder(shown, TextRead(facts.figure))
            ),
        )

    def goal_check(self, facts: Facts) -> Detector:
        """See `Task`."""
        return Answered(facts.figure)

    def oracle(
        self, facts: Facts, observation: Observation
    ) -> Generator[Action, Observation, None]:
        """See `Task`."""
        observation = yield Click(ref=ref_of(observation, "link", "Reports"))
        observation = yield Read(ref=ref_of(observation, "row", facts.topic))
        yield Answer(text=facts.figure)
