"""Composable detectors over an episode's evidence.

Each is pure: it reads the events, never the live page, so a recording scores the same offline.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cairn.rewards.milestones import NOT_FIRED, Detection, Detector, Status
from cairn.sandbox.events import Event, EventKind, Json

_FILE_KINDS = {EventKind.FILE_CREATED, EventKind.FILE_MODIFIED, EventKind.FILE_DELETED}


def _fired(*events: Event) -> Detection:
    return Detection(status=Status.FIRED, evidence=events)


def _first(events: Sequence[Event], kind: EventKind, **wanted: Json) -> Detection:
    for event in events:
        if event.kind is kind and all(event.data.get(k) == v for k, v in wanted.items()):
            return _fired(event)
    return NOT_FIRED


@dataclass(frozen=True, slots=True)
class NavigatedTo:
    """The main frame finished loading `url` with a status below 400 (WEB-1)."""

    url: str

    def detect(self, events: Sequence[Event]) -> Detection:
        """See `Detector`."""
        for event in events:
            if event.kind is EventKind.NAVIGATION_COMPLETED and event.data["url"] == self.url:
                status = event.data["status"]
                if isinstance(status, int) and status < 400:
                    return _fired(event)
        return NOT_FIRED


@dataclass(frozen=True, slots=True)
class ElementShown:
    """A visible element with this role and exactly this name appeared (WEB-2, SRCH-2)."""

    role: str
    name: str

    def detect(self, events: Sequence[Event]) -> Detection:
        """See `Detector`."""
        for event in events:
            if event.kind is EventKind.AX_CHANGED:
                added = event.data["added"]
                if isinstance(added, list) and [self.role, self.name] in added:
                    return _fired(event)
        return NOT_FIRED


@dataclass(frozen=True, slots=True)
class TextRead:
    """The agent retrieved text that contains `text` as whole words (WEB-3)."""

    text: str

    def detect(self, events: Sequence[Event]) -> Detection:
        """See `Detector`."""
        wanted = re.compile(rf"(?<!\w){re.escape(self.text)}(?!\w)")
        for event in events:
            if event.kind is EventKind.TEXT_RETRIEVED and wanted.search(str(event.data["text"])):
                return _fired(event)
        return NOT_FIRED


@dataclass(frozen=True, slots=True)
class FieldFilled:
    """The agent's own input left exactly `value` in the field of this name (FORM-1, SRCH-1)."""

    name: str
    value: str

    def detect(self, events: Sequence[Event]) -> Detection:
        """See `Detector`."""
        return _first(
            events, EventKind.FIELD_FILLED, name=self.name, value=self.value, by_agent=True
        )


@dataclass(frozen=True, slots=True)
class DialogOpened:
    """A dialog of this name opened (FORM-2)."""

    name: str

    def detect(self, events: Sequence[Event]) -> Detection:
        """See `Detector`."""
        return _first(events, EventKind.DIALOG_OPENED, name=self.name)


@dataclass(frozen=True, slots=True)
class Submitted:
    """The agent clicked the submit button of this name (FORM-2)."""

    name: str

    def detect(self, events: Sequence[Event]) -> Detection:
        """See `Detector`."""
        return _first(events, EventKind.SUBMIT_CLICKED, name=self.name)


@dataclass(frozen=True, slots=True)
class NotificationShown:
    """A status or alert with exactly this text appeared (FORM-3, MAIL-3, SET-3)."""

    text: str

    def detect(self, events: Sequence[Event]) -> Detection:
        """See `Detector`."""
        return _first(events, EventKind.NOTIFICATION_SHOWN, text=self.text)


@dataclass(frozen=True, slots=True)
class TitleShown:
    """The window title became `title` (SET-1)."""

    title: str

    def detect(self, events: Sequence[Event]) -> Detection:
        """See `Detector`."""
        return _first(events, EventKind.WINDOW_TITLE_CHANGED, title=self.title)


@dataclass(frozen=True, slots=True)
class Toggled:
    """The agent left the switch or checkbox of this name in this state (SET-2)."""

    name: str
    checked: bool

    def detect(self, events: Sequence[Event]) -> Detection:
        """See `Detector`."""
        return _first(
            events, EventKind.TOGGLE_CHANGED, name=self.name, checked=self.checked, by_agent=True
        )


@dataclass(frozen=True, slots=True)
class Downloaded:
    """The browser saved a download at `path`, a path inside the workspace (FILE-1)."""

    path: str

    def detect(self, events: Sequence[Event]) -> Detection:
        """See `Detector`."""
        return _first(events, EventKind.DOWNLOAD_COMPLETED, path=self.path)


@dataclass(frozen=True, slots=True)
class FileMatches:
    """A file of exactly this content was written under `path`, a file or a folder (FILE-2)."""

    path: str
    sha256: str

    def detect(self, events: Sequence[Event]) -> Detection:
        """See `Detector`."""
        for event in events:
            if event.kind in {EventKind.FILE_CREATED, EventKind.FILE_MODIFIED}:
                path = str(event.data["path"])
                under = path == self.path or path.startswith(self.path.rstrip("/") + "/")
                if under and event.data["sha256"] == self.sha256:
                    return _fired(event)
        return NOT_FIRED


@dataclass(frozen=True, slots=True)
class FilePresent:
    """At the end of the evidence, `path` holds exactly this content (a goal check)."""

    path: str
    sha256: str

    def detect(self, events: Sequence[Event]) -> Detection:
        """See `Detector`."""
        for event in reversed(events):
            if event.data.get("path") != self.path:
                continue
            if event.kind is EventKind.FILE_DELETED:
                return NOT_FIRED
            if event.kind in {EventKind.FILE_CREATED, EventKind.FILE_MODIFIED}:
                return _fired(event) if event.data["sha256"] == self.sha256 else NOT_FIRED
        return NOT_FIRED


@dataclass(frozen=True, slots=True)
class FileGone:
    """At the end of the evidence, the file that was at `path` is there no more (a goal check)."""

    path: str

    def detect(self, events: Sequence[Event]) -> Detection:
        """See `Detector`."""
        for event in reversed(events):
            if event.kind in _FILE_KINDS and event.data["path"] == self.path:
                gone = event.kind is EventKind.FILE_DELETED
                return _fired(event) if gone else NOT_FIRED
        return NOT_FIRED


@dataclass(frozen=True, slots=True)
class DirectoryUpdated:
    """The listing of the directory `path` changed (FILE-3)."""

    path: str

    def detect(self, events: Sequence[Event]) -> Detection:
        """See `Detector`."""
        return _first(events, EventKind.DIRECTORY_UPDATED, path=self.path)


@dataclass(frozen=True, slots=True)
class SiteRow:
    """The site's own database gained or changed a row that holds all these values.

    Attributes:
        site: The site's name, such as `mail`.
        table: A table of its database.
        values: Column values that the changed row must have.
    """

    site: str
    table: str
    values: Mapping[str, Json] = field(default_factory=dict)

    def detect(self, events: Sequence[Event]) -> Detection:
        """See `Detector`."""
        for event in events:
            if event.kind is EventKind.SITE_STATE_CHANGED and self._matches(event):
                return _fired(event)
        return NOT_FIRED

    def _matches(self, event: Event) -> bool:
        after = event.data["after"]
        return (
            event.data["site"] == self.site
            and event.data["table"] == self.table
            and isinstance(after, dict)
            and all(after.get(column) == value for column, value in self.values.items())
        )


@dataclass(frozen=True, slots=True)
class OnlyChanges:
    """Every row that changed in `table` is now as one of `allowed` says, and each was reached.

    A row that changed and changed back counts as unchanged. Order does not matter; two rows may
    not share one entry.
    """

    site: str
    table: str
    allowed: Sequence[Mapping[str, Json]]

    def detect(self, events: Sequence[Event]) -> Detection:
        """See `Detector`."""
        first: dict[str, Json] = {}
        last: dict[str, Event] = {}
        for event in events:
            data = event.data
            if (
                event.kind is EventKind.SITE_STATE_CHANGED
                and data["site"] == self.site
                and data["table"] == self.table
            ):
                key = str(data["row"])
                first.setdefault(key, data["before"])
                last[key] = event
        changed = [event for key, event in last.items() if event.data["after"] != first[key]]
        open_entries = list(self.allowed)
        for event in changed:
            entry = next((e for e in open_entries if _row_has(event, e)), None)
            if entry is None:
                return NOT_FIRED
            open_entries.remove(entry)
        return NOT_FIRED if open_entries else _fired(*changed)


def _row_has(event: Event, values: Mapping[str, Json]) -> bool:
    after = event.data["after"]
    return isinstance(after, dict) and all(after.get(k) == v for k, v in values.items())


@dataclass(frozen=True, slots=True)
class Answered:
    """The agent's answer is `text`, apart from case, spaces and thousands separators."""

    text: str

    def detect(self, events: Sequence[Event]) -> Detection:
        """See `Detector`."""
        for event in events:
            if event.kind is EventKind.ANSWER_GIVEN:
                same = _plain(str(event.data["text"])) == _plain(self.text)
                return _fired(event) if same else NOT_FIRED
        return NOT_FIRED


def _plain(text: str) -> str:
    return re.sub(r"(?<=\d),(?=\d{3})", "", " ".join(text.casefold().split()))


@dataclass(frozen=True, slots=True, init=False)
class AllOf:
    """Fires when every part has fired; abstains when none is missing but one abstains."""

    parts: tuple[Detector, ...]

    def __init__(self, *parts: Detector) -> None:
        object.__setattr__(self, "parts", parts)

    def detect(self, events: Sequence[Event]) -> Detection:
        """See `Detector`."""
        results = [part.detect(events) for part in self.parts]
        for status in (Status.NOT_FIRED, Status.ABSTAIN):
            for result in results:
                if result.status is status:
                    return result
        return _fired(*_merged(results))


@dataclass(frozen=True, slots=True, init=False)
class AnyOf:
    """Fires when one part has fired; abstains when none fired and one abstains."""

    parts: tuple[Detector, ...]

    def __init__(self, *parts: Detector) -> None:
        object.__setattr__(self, "parts", parts)

    def detect(self, events: Sequence[Event]) -> Detection:
        """See `Detector`."""
        results = [part.detect(events) for part in self.parts]
        for status in (Status.FIRED, Status.ABSTAIN):
            for result in results:
                if result.status is status:
                    return result
        return NOT_FIRED


@dataclass(frozen=True, slots=True, init=False)
class InOrder:
    """Each part fires on evidence after the last evidence of the part before it."""

    parts: tuple[Detector, ...]

    def __init__(self, *parts: Detector) -> None:
        object.__setattr__(self, "parts", parts)

    def detect(self, events: Sequence[Event]) -> Detection:
        """See `Detector`."""
        rest, results = list(events), []
        for part in self.parts:
            result = part.detect(rest)
            if result.status is not Status.FIRED:
                return result
            results.append(result)
            after = max((event.seq for event in result.evidence), default=-1)
            rest = [event for event in rest if event.seq > after]
        return _fired(*_merged(results))


def _merged(results: Sequence[Detection]) -> list[Event]:
    unique = {event.seq: event for result in results for event in result.evidence}
    return [unique[seq] for seq in sorted(unique)]
