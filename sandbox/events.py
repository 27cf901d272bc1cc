"""Evidence: what the sandbox saw happen, in words that do not depend on the browser's protocol."""

from dataclasses import dataclass, field
from enum import StrEnum

from typing_extensions import TypeAliasType

Json = TypeAliasType("Json", "str | int | float | bool | list[Json] | dict[str, Json] | None")
"""Anything that JSON can hold."""


class Source(StrEnum):
    """Where a piece of evidence was seen."""

    CDP = "cdp"
    DOM = "dom"
    AX = "ax"
    FS = "fs"
    WINDOW = "window"
    PROCESS = "process"
    SITE = "site"
    AGENT = "agent"


class EventKind(StrEnum):
    """The canonical kinds of event, with the data each carries.

    "by agent" in the data means that a trusted input of this step reached the element.
    """

    NAVIGATION_COMPLETED = "NavigationCompleted"  # url, status
    DOM_CONTENT_LOADED = "DomContentLoaded"  # url
    DOM_CHANGED = "DomChanged"  # (nothing)
    FIELD_FOCUSED = "FieldFocused"  # role, name
    FIELD_FILLED = "FieldFilled"  # role, name, value, by_agent
    FIELD_VALIDATED = "FieldValidated"  # role, name, valid
    ELEMENT_ACTIVATED = "ElementActivated"  # role, name
    SUBMIT_CLICKED = "SubmitClicked"  # role, name
    DIALOG_OPENED = "DialogOpened"  # name, native
    DIALOG_CONFIRMED = "DialogConfirmed"  # name, native
    DIALOG_CLOSED = "DialogClosed"  # name, native
    AX_CHANGED = "AxChanged"  # added: [[role, name], ...]
    TOGGLE_CHANGED = "ToggleChanged"  # role, name, checked, by_agent
    NOTIFICATION_SHOWN = "NotificationShown"  # role, text
    WINDOW_TITLE_CHANGED = "WindowTitleChanged"  # title
    FOCUS_CHANGED = "FocusChanged"  # role, name
    TEXT_RETRIEVED = "TextRetrieved"  # role, text
    FILE_CREATED = "FileCreated"  # path, size, sha256
    FILE_MODIFIED = "FileModified"  # path, size, sha256
    FILE_DELETED = "FileDeleted"  # path
    DIRECTORY_UPDATED = "DirectoryUpdated"  # path
    DOWNLOAD_COMPLETED = "DownloadCompleted"  # path, size, sha256, url
    PROCESS_LAUNCHED = "ProcessLaunched"  # command, exit_code
    SITE_STATE_CHANGED = "SiteStateChanged"  # site, table, row, before, after
    SCREENSHOT_CHANGED = "ScreenshotChanged"  # sha256
    ANSWER_GIVEN = "AnswerGiven"  # text


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One piece of evidence.

    Attributes:
        seq: Position in the episode's evidence, from 0, without gaps.
        step: The step during which it was seen; 0 is the reset.
        source: Where it was seen.
        kind: What happened.
        data: The facts of this kind, JSON values only.
    """

    seq: int
    step: int
    source: Source
    kind: EventKind
    data: dict[str, Json] = field(default_factory=dict)


class EventLog:
    """An episode's evidence in order; only the sandbox and the environment append to it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.step = 0

    def append(self, source: Source, kind: EventKind, **data: Json) -> Event:
        """Record one event of the current step and return it."""
        event = Event(seq=len(self.events), step=self.step, source=source, kind=kind, data=data)
        self.events.append(event)
        return event

    def of_step(self, step: int) -> list[Event]:
        """Return the events of the last step, if that is `step`."""
        begin = len(self.events)
        while begin and self.events[begin - 1].step == step:
            begin -= 1
        return self.events[begin:]
