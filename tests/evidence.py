"""Writes evidence by hand, for tests of detectors, ledgers and tasks."""

from cairn.sandbox.events import Event, EventKind, EventLog, Json, Source

Entry = tuple[EventKind, dict[str, Json]]


def entry(kind: EventKind, **data: Json) -> Entry:
    """Name one event without its place."""
    return kind, data


def evidence(*entries: Entry) -> list[Event]:
    """Return the events in order, one a step, from step 1."""
    log = EventLog()
    for step, (kind, data) in enumerate(entries, start=1):
        log.step = step
        log.append(Source.DOM, kind, **data)
    return log.events
