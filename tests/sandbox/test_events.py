"""The log of evidence."""

from cairn.sandbox.events import Event, EventKind, EventLog, Source


def test_log_numbers_events_without_gaps_and_marks_their_step() -> None:
    log = EventLog()
    log.append(Source.CDP, EventKind.NAVIGATION_COMPLETED, url="u", status=200)
    log.step = 2
    event = log.append(Source.AGENT, EventKind.ANSWER_GIVEN, text="42")
    kind = EventKind.ANSWER_GIVEN
    assert event == Event(seq=1, step=2, source=Source.AGENT, kind=kind, data={"text": "42"})
    assert [(e.seq, e.step) for e in log.events] == [(0, 0), (1, 2)]
