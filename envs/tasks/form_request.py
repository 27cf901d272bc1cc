"""Form interaction: fill in a request, submit and confirm it."""

import random
from collections.abc import Generator
from dataclasses import asdict, dataclass

from cairn.envs.actions import Action, Click, Fill, Select
from cairn.envs.observation import Observation
from cairn.envs.task import Category, Task
from cairn.envs.tasks.oracles import ref_of
from cairn.envs.tasks.words import FIRST_NAMES, ITEMS
from cairn.envs.world import World
from cairn.rewards.detectors import (
    AllOf,
    DialogOpened,
    FieldFilled,
    InOrder,
    NotificationShown,
    OnlyChanges,
    SiteRow,
    Submitted,
)
from cairn.rewards.milestones import Detector, Milestone
from cairn.sandbox.events import Json

WORDINGS = (
    "Request a {item} for {employee} in room {room} and confirm.",
    "{employee} in room {room} needs a {item}. Submit the request and confirm.",
    "Submit and confirm a request: employee {employee}, room {room}, item {item}.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one request says."""

    employee: str
    room: str
    item: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One instance.

    Attributes:
        wording: Index of the goal's wording.
        wanted: The request to make.
        items: What can be requested.
        earlier: Requests that exist at the start.
    """

    wording: int
    wanted: Request
    items: tuple[str, ...]
    earlier: tuple[Request, ...]


class FormRequest(Task[Facts]):
    """Fill in three fields, submit, confirm in the dialog."""

    name = "form-request"
    category = Category.FORM
    start_url = "http://forms.localhost/new"
    max_steps = 9

    def draw(self, rng: random.Random) -> Facts:
        """See `Task`."""
        items = tuple(sorted(rng.sample(ITEMS, 6)))
        employees = rng.sample(FIRST_NAMES, 4)
        rooms = rng.sample(range(100, 1000), 4)
        requests = [
            Request(employee=employee, room=str(room), item=rng.choice(items))
            for employee, room in zip(employees, rooms, strict=True)
        ]
        return Facts(
            wording=rng.randrange(len(WORDINGS)),
            wanted=requests[0],
            items=items,
            earlier=tuple(requests[1:]),
        )

    def setup(self, world: World, facts: Facts) -> None:
        """See `Task`."""
        database = world.site("forms")
        database.executemany(
            "INSERT INTO items (name) VALUES (?)", [(item,) for item in facts.items]
        )
        database.executemany(
            "INSERT INTO requests (employee, room, item, state) VALUES (?, ?, ?, 'approved')",
            [(request.employee, request.room, request.item) for request in facts.earlier],
        )

    def goal(self, facts: Facts) -> str:
        """See `Task`."""
        return WORDINGS[facts.wording].format(**asdict(facts.wanted))

    def milestones(self, facts: Facts) -> tuple[Milestone, ...]:
        """See `Task`."""
        confirmation = InOrder(Submitted("Submit request"), DialogOpened("Confirm request"))
        stored = SiteRow(site="forms", table="requests", values=_row(facts.wanted))
        return (
            Milestone(
                name="employee-filled",
                value=0.2,
                detector=FieldFilled(name="Employee name", value=facts.wanted.employee),
            ),
            Milestone(name="confirmation-asked", value=0.3, detector=confirmation),
            Milestone(
                name="request-sent",
                value=0.5,
                detector=AllOf(InOrder(confirmation, NotificationShown("Request sent")), stored),
            ),
        )

    def goal_check(self, facts: Facts) -> Detector:
        """See `Task`."""
        return OnlyChanges(site="forms", table="requests", allowed=(_row(facts.wanted),))

    def oracle(
        self, facts: Facts, observation: Observation
    ) -> Generator[Action, Observation, None]:
        """See `Task`."""
        wanted = facts.wanted
        observation = yield Fill(
            ref=ref_of(observation, "textbox", "Employee name"), text=wanted.employee
        )
        observation = yield Fill(ref=ref_of(observation, "textbox", "Room"), text=wanted.room)
        observation = yield Select(ref=ref_of(observation, "combobox", "Item"), option=wanted.item)
        observation = yield Click(ref=ref_of(observation, "button", "Submit request"))
        yield Click(ref=ref_of(observation, "button", "Confirm"))


def _row(request: Request) -> dict[str, Json]:
    return {
        "employee": request.employee,
        "room": request.room,
        "item": request.item,
        "state": "sent",
    }
