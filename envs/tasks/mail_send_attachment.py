"""Email workflows: write a message, attach a file, send it."""

import random
from collections.abc import Generator
from dataclasses import dataclass

from cairn.envs.actions import Action, Click, Fill, Upload
from cairn.envs.observation import Observation
from cairn.envs.task import Category, Task
from cairn.envs.tasks.documents import Document, draw_document
from cairn.envs.tasks.oracles import ref_of
from cairn.envs.tasks.words import FIRST_NAMES, FORMATS, TOPICS
from cairn.envs.world import World
from cairn.rewards.detectors import (
    AllOf,
    FieldFilled,
    NotificationShown,
    OnlyChanges,
    SiteRow,
)
from cairn.rewards.milestones import Detector, Milestone
from cairn.sandbox.events import Json

WORDINGS = (
    "Send a message to {recipient} with subject {subject} and attach {path}.",
    "Compose a mail to {recipient}, subject {subject}, attach {path} and send it.",
    "Attach {path} to a new message with subject {subject} and send it to {recipient}.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message in the inbox at the start."""

    sender: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One instance.

    Attributes:
        wording: Index of the goal's wording.
        recipient: Address to send to.
        subject: Subject to write.
        name: Name of the file to attach.
        documents: Files in the folder Documents.
        inbox: Messages received before.
    """

    wording: int
    recipient: str
    subject: str
    name: str
    documents: tuple[Document, ...]
    inbox: tuple[Letter, ...]

    @property
    def attached(self) -> Document:
        """The file to attach."""
        return next(document for document in self.documents if document.name == self.name)


class MailSendAttachment(Task[Facts]):
    """Compose a message with recipient, subject and one attachment, and send it."""

    name = "mail-send-attachment"
    category = Category.MAIL
    start_url = "http://mail.localhost/"
    max_steps = 9

    def draw(self, rng: random.Random) -> Facts:
        """See `Task`."""
        people = rng.sample(FIRST_NAMES, 4)
        topics = rng.sample(TOPICS, 6)
        names = [(topic, format_) for topic in topics[:2] for format_ in FORMATS]
        documents = tuple(draw_document(rng, *name) for name in rng.sample(names, 3))
        return Facts(
            wording=rng.randrange(len(WORDINGS)),
            recipient=_address(rng.choice(people)),
            subject=topics[2],
            name=rng.choice(documents).name,
            documents=documents,
            inbox=tuple(
                Letter(sender=_address(person), subject=topic)
                for person, topic in zip(people[:3], topics[3:], strict=True)
            ),
        )

    def setup(self, world: World, facts: Facts) -> None:
        """See `Task`."""
        world.site("mail").executemany(
            "INSERT INTO messages (folder, sender, recipient, subject, body) "
            "VALUES ('inbox', ?, 'me@corp.test', ?, 'See you soon.')",
            [(letter.sender, letter.subject) for letter in facts.inbox],
        )
        for document in facts.documents:
            world.write_file(f"Documents/{document.name}", document.content)

    def goal(self, facts: Facts) -> str:
        """See `Task`."""
        return WORDINGS[facts.wording].format(
            recipient=facts.recipient, subject=facts.subject, path=f"Documents/{facts.name}"
        )

    def milestones(self, facts: Facts) -> tuple[Milestone, ...]:
        """See `Task`."""
        document = facts.attached
        attachment: dict[str, Json] = {"name": document.name, "sha256": document.sha256}
        return (
            Milestone(
                name="editor-populated",
                value=0.25,
                detector=AllOf(
                    FieldFilled(name="To", value=facts.recipient),
                    FieldFilled(name="Subject", value=facts.subject),
                ),
            ),
            Milestone(
                name="file-attached",
                value=0.5,
                detector=SiteRow(site="mail", table="attachments", values=attachment),
            ),
            Milestone(
                name="message-sent",
                value=1.0,
                detector=AllOf(
                    SiteRow(site="mail", table="messages", values=_row(facts)),
                    NotificationShown("Message sent"),
                ),
            ),
        )

    def goal_check(self, facts: Facts) -> Detector:
        """See `Task`."""
        return OnlyChanges(site="mail", table="messages", allowed=(_row(facts),))

    def oracle(
        self, facts: Facts, observation: Observation
    ) -> Generator[Action, Observation, None]:
        """See `Task`."""
        observation = yield Click(ref=ref_of(observation, "button", "Compose"))
        observation = yield Fill(ref=ref_of(observation, "textbox", "To"), text=facts.recipient)
        observation = yield Fill(ref=ref_of(observation, "textbox", "Subject"), text=facts.subject)
        observation = yield Upload(
            ref=ref_of(observation, "button", "Attach file"), path=f"Documents/{facts.name}"
        )
        yield Click(ref=ref_of(observation, "button", "Send"))


def _address(person: str) -> str:
    return f"{person.lower()}@corp.test"


def _row(facts: Facts) -> dict[str, Json]:
    return {
        "folder": "sent",
        "recipient": facts.recipient,
        "subject": facts.subject,
        "attached": f"{facts.attached.name} {facts.attached.sha256}",
    }
