"""Each detector by hand: what fires it, and what only looks like it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.rewards import detectors as d
from cairn.rewards.milestones import Detection, Detector, Status
from cairn.sandbox.events import Event, EventKind, Json
from tests.evidence import Entry, entry, evidence

K = EventKind
SHA, OTHER_SHA = "a" * 64, "b" * 64


def fires(detector: Detector, *entries: Entry) -> bool:
    detection = detector.detect(evidence(*entries))
    assert bool(detection.evidence) == (detection.status is Status.FIRED)
    return detection.status is Status.FIRED


def seqs(detector: Detector, *entries: Entry) -> list[int]:
    return [event.seq for event in detector.detect(evidence(*entries)).evidence]


def loaded(url: str, status: Json = 200) -> Entry:
    return entry(K.NAVIGATION_COMPLETED, url=url, status=status)


def shown(*added: tuple[str, str]) -> Entry:
    return entry(K.AX_CHANGED, added=[list(pair) for pair in added])


def filled(name: str, value: str, *, by_agent: bool = True) -> Entry:
    return entry(K.FIELD_FILLED, role="textbox", name=name, value=value, by_agent=by_agent)


def toggled(name: str, checked: bool, *, by_agent: bool = True) -> Entry:
    return entry(K.TOGGLE_CHANGED, role="switch", name=name, checked=checked, by_agent=by_agent)


def created(path: str, sha256: str = SHA) -> Entry:
    return entry(K.FILE_CREATED, path=path, size=1, sha256=sha256)


def modified(path: str, sha256: str = SHA) -> Entry:
    return entry(K.FILE_MODIFIED, path=path, size=1, sha256=sha256)


def deleted(path: str) -> Entry:
    return entry(K.FILE_DELETED, path=path)


def row(number: int, before: Json, after: Json, *, table: str = "books", site: str = "x") -> Entry:
    return entry(
        K.SITE_STATE_CHANGED, site=site, table=table, row=number, before=before, after=after
    )


# WEB-1, SRCH-3: NavigatedTo


def test_navigated_to_fires_on_exactly_the_url() -> None:
    assert seqs(d.NavigatedTo("http://a/x"), loaded("http://a/"), loaded("http://a/x")) == [1]


@pytest.mark.parametrize(
    "seen",
    [
        loaded("http://a/y"),
        loaded("http://a/x/"),
        loaded("http://a/x?q=1"),
        loaded("http://a/x", 404),
        loaded("http://a/x", 500),
        loaded("http://a/x", None),  # aborted
        entry(K.DOM_CONTENT_LOADED, url="http://a/x"),
    ],
)
def test_navigated_to_refuses_wrong_missing_and_aborted_pages(seen: Entry) -> None:
    assert not fires(d.NavigatedTo("http://a/x"), seen)


# WEB-2, SRCH-2: ElementShown


def test_element_shown_fires_on_role_and_name() -> None:
    detector = d.ElementShown(role="table", name="Reports Table")
    assert fires(detector, shown(("link", "Home"), ("table", "Reports Table")))


@pytest.mark.parametrize(
    "seen",
    [
        shown(),  # a hidden element is not in the list
        shown(("heading", "Reports Table")),
        shown(("table", "Reports")),
        shown(("table", "reports table")),
        entry(K.AX_CHANGED, added=None),
        entry(K.TEXT_RETRIEVED, role="table", text="Reports Table"),
    ],
)
def test_element_shown_refuses_another_role_or_name(seen: Entry) -> None:
    assert not fires(d.ElementShown(role="table", name="Reports Table"), seen)


# WEB-3: TextRead


@pytest.mark.parametrize("text", ["412", "Travel 412", "(412)", "total: 412."])
def test_text_read_fires_on_whole_words(text: str) -> None:
    assert fires(d.TextRead("412"), entry(K.TEXT_RETRIEVED, role="row", text=text))


@pytest.mark.parametrize("text", ["", "413", "4120", "1412", "x412", "4 12"])
def test_text_read_refuses_text_without_the_truth(text: str) -> None:
    assert not fires(d.TextRead("412"), entry(K.TEXT_RETRIEVED, role="row", text=text))


def test_text_read_takes_the_truth_literally() -> None:
    read = entry(K.TEXT_RETRIEVED, role="row", text="1x5")
    assert not fires(d.TextRead("1.5"), read)


def test_text_read_needs_a_retrieval_and_not_an_answer() -> None:
    assert not fires(d.TextRead("412"), entry(K.ANSWER_GIVEN, text="412"))


# FORM-1, MAIL-1, SRCH-1: FieldFilled


def test_field_filled_fires_on_the_exact_value() -> None:
    assert fires(d.FieldFilled(name="To", value="ada"), filled("To", "ada"))


@pytest.mark.parametrize(
    "seen",
    [
        entry(K.FIELD_FOCUSED, role="textbox", name="To"),
        filled("To", ""),
        filled("To", "ada "),
        filled("To", "Ada"),
        filled("Subject", "ada"),
        filled("To", "ada", by_agent=False),
    ],
)
def test_field_filled_refuses_focus_other_values_and_the_page_script(seen: Entry) -> None:
    assert not fires(d.FieldFilled(name="To", value="ada"), seen)


# FORM-2: DialogOpened and Submitted


def test_dialog_opened_fires_on_its_name_only() -> None:
    detector = d.DialogOpened("Confirm request")
    assert fires(detector, entry(K.DIALOG_OPENED, name="Confirm request", native=False))
    assert not fires(detector, entry(K.DIALOG_OPENED, name="Help", native=False))
    assert not fires(detector, entry(K.DIALOG_CLOSED, name="Confirm request", native=False))


def test_submitted_fires_on_its_name_only() -> None:
    detector = d.Submitted("Send")
    assert fires(detector, entry(K.SUBMIT_CLICKED, role="button", name="Send"))
    assert not fires(detector, entry(K.SUBMIT_CLICKED, role="button", name="Save"))
    assert not fires(detector, entry(K.ELEMENT_ACTIVATED, role="button", name="Send"))


def test_submit_then_dialog_needs_both_in_this_order() -> None:
    detector = d.InOrder(d.Submitted("Send"), d.DialogOpened("Confirm"))
    click = entry(K.SUBMIT_CLICKED, role="button", name="Send")
    dialog = entry(K.DIALOG_OPENED, name="Confirm", native=False)
    assert seqs(detector, click, dialog) == [0, 1]
    assert not fires(detector, click)
    assert not fires(detector, dialog)
    assert not fires(detector, dialog, click)


# FORM-3, MAIL-3 and SET-3: NotificationShown; SET-1: TitleShown


def test_notification_shown_fires_on_its_text_only() -> None:
    detector = d.NotificationShown("Changes saved")
    assert fires(detector, entry(K.NOTIFICATION_SHOWN, role="status", text="Changes saved"))
    for text in ("No changes to save", "Changes saved!", ""):
        assert not fires(detector, entry(K.NOTIFICATION_SHOWN, role="status", text=text))
    assert not fires(detector, filled("Search", "Changes saved"))


def test_banner_that_was_there_before_the_submit_does_not_count_after_it() -> None:
    detector = d.InOrder(d.Submitted("Send"), d.NotificationShown("Sent"))
    banner = entry(K.NOTIFICATION_SHOWN, role="status", text="Sent")
    assert not fires(detector, banner, entry(K.SUBMIT_CLICKED, role="button", name="Send"))


def test_title_shown_fires_on_its_title_only() -> None:
    detector = d.TitleShown("Privacy - Settings")
    assert fires(detector, entry(K.WINDOW_TITLE_CHANGED, title="Privacy - Settings"))
    assert not fires(detector, entry(K.WINDOW_TITLE_CHANGED, title="Sound - Settings"))
    assert not fires(detector, shown(("heading", "Privacy - Settings")))


# SET-2: Toggled


def test_toggled_fires_on_the_wanted_state_by_the_agent() -> None:
    assert fires(d.Toggled(name="Alerts", checked=True), toggled("Alerts", True))


@pytest.mark.parametrize(
    "seen",
    [
        toggled("Alerts", False),
        toggled("Calls", True),
        toggled("Alerts", True, by_agent=False),
        entry(K.ELEMENT_ACTIVATED, role="switch", name="Alerts"),
    ],
)
def test_toggled_refuses_another_state_name_or_hand(seen: Entry) -> None:
    assert not fires(d.Toggled(name="Alerts", checked=True), seen)


# FILE-1 to FILE-3: downloads, files and folders


def test_downloaded_fires_on_its_path_only() -> None:
    detector = d.Downloaded("Downloads/a.csv")

    def download(path: str) -> Entry:
        return entry(K.DOWNLOAD_COMPLETED, path=path, size=1, sha256=SHA, url="http://drive/1")

    assert fires(detector, download("Downloads/a.csv"))
    assert not fires(detector, download("Downloads/a.csv.crdownload"))
    assert not fires(detector, download("Documents/a.csv"))
    assert not fires(detector, created("Downloads/a.csv"))  # written by the agent itself


@pytest.mark.parametrize("path", ["Downloads/a.csv", "Downloads", "Downloads/"])
@pytest.mark.parametrize("make", [created, modified])
def test_file_matches_fires_on_content_at_or_under_its_path(path: str, make: object) -> None:
    assert callable(make)
    assert fires(d.FileMatches(path=path, sha256=SHA), make("Downloads/a.csv"))


@pytest.mark.parametrize(
    "seen",
    [
        created("Downloads/a.csv", OTHER_SHA),
        created("Documents/a.csv"),
        created("Downloads2/a.csv"),
        deleted("Downloads/a.csv"),
        entry(K.DOWNLOAD_COMPLETED, path="Downloads/a.csv", size=1, sha256=SHA, url=""),
    ],
)
def test_file_matches_refuses_other_content_and_other_places(seen: Entry) -> None:
    assert not fires(d.FileMatches(path="Downloads", sha256=SHA), seen)


def test_file_present_looks_at_the_last_state_of_the_path() -> None:
    detector = d.FilePresent(path="a", sha256=SHA)
    assert fires(detector, created("a"))
    assert fires(detector, created("a", OTHER_SHA), modified("a"))
    assert fires(detector, created("a"), deleted("a"), created("a"))
    assert fires(detector, created("a"), created("b", OTHER_SHA), deleted("b"))
    assert not fires(detector)
    assert not fires(detector, created("a"), modified("a", OTHER_SHA))
    assert not fires(detector, created("a"), deleted("a"))
    assert not fires(detector, created("b"))


def test_file_gone_looks_at_the_last_state_of_the_path() -> None:
    detector = d.FileGone("a")
    assert fires(detector, created("a"), deleted("a"))
    assert fires(detector, deleted("a"), created("b"))
    assert not fires(detector)  # it may never have been there
    assert not fires(detector, created("a"))
    assert not fires(detector, deleted("a"), created("a"))
    assert not fires(detector, deleted("b"))


def test_directory_updated_fires_on_its_path_only() -> None:
    assert fires(d.DirectoryUpdated("Sales"), entry(K.DIRECTORY_UPDATED, path="Sales"))
    assert not fires(d.DirectoryUpdated("Sales"), entry(K.DIRECTORY_UPDATED, path="Legal"))


# MAIL-2, MAIL-3 and goal checks: the rows of a site


def test_site_row_fires_on_a_row_that_holds_all_values() -> None:
    detector = d.SiteRow(site="x", table="books", values={"title": "T", "shelf": 2})
    assert fires(detector, row(1, None, {"id": 1, "title": "T", "shelf": 2}))


@pytest.mark.parametrize(
    "seen",
    [
        row(1, None, {"title": "T", "shelf": 3}),
        row(1, None, {"title": "T"}),
        row(1, {"title": "T", "shelf": 2}, None),  # deleted
        row(1, None, {"title": "T", "shelf": 2}, table="drafts"),
        row(1, None, {"title": "T", "shelf": 2}, site="y"),
    ],
)
def test_site_row_refuses_other_values_tables_and_sites(seen: Entry) -> None:
    values: dict[str, Json] = {"title": "T", "shelf": 2}
    assert not fires(d.SiteRow(site="x", table="books", values=values), seen)


ON: Json = {"name": "Alerts", "on": 1}
OFF: Json = {"name": "Alerts", "on": 0}


def test_only_changes_fires_when_exactly_the_allowed_row_changed() -> None:
    detector = d.OnlyChanges("x", "books", [{"on": 1}])
    assert fires(detector, row(1, OFF, ON))
    assert fires(detector, row(1, OFF, ON), row(2, OFF, ON), row(2, ON, OFF))
    assert fires(detector, row(1, OFF, ON), row(2, OFF, ON, table="other"))


def test_only_changes_refuses_side_effects_and_undone_changes() -> None:
    detector = d.OnlyChanges("x", "books", [{"on": 1}])
    assert not fires(detector)
    assert not fires(detector, row(1, OFF, ON), row(1, ON, OFF))
    assert not fires(detector, row(1, OFF, ON), row(2, OFF, ON))
    assert not fires(detector, row(1, OFF, ON), row(2, ON, None))
    assert not fires(detector, row(1, ON, OFF))


def test_only_changes_lets_each_entry_stand_for_one_row() -> None:
    detector = d.OnlyChanges("x", "books", [{"on": 1}, {"on": 1}])
    assert fires(detector, row(1, OFF, ON), row(2, OFF, ON))
    assert not fires(detector, row(1, OFF, ON))


# Answers


@pytest.mark.parametrize(
    ("truth", "answer"),
    [("412", "412"), ("412", " 412 "), ("4210", "4,210"), ("Ada Lee", "ada  LEE")],
)
def test_answered_ignores_case_spaces_and_thousands_separators(truth: str, answer: str) -> None:
    assert fires(d.Answered(truth), entry(K.ANSWER_GIVEN, text=answer))


@pytest.mark.parametrize("answer", ["", "413", "412 or 413", "4.12", "total 412"])
def test_answered_refuses_other_answers(answer: str) -> None:
    assert not fires(d.Answered("412"), entry(K.ANSWER_GIVEN, text=answer))


def test_answered_takes_the_first_answer() -> None:
    entries = [entry(K.ANSWER_GIVEN, text=text) for text in ("413", "412")]
    assert not fires(d.Answered("412"), *entries)


# Compositions


@dataclass(frozen=True)
class Fixed:
    """Says always the same; fires on the first event."""

    status: Status

    def detect(self, events: Sequence[Event]) -> Detection:
        found = tuple(events[:1]) if self.status is Status.FIRED else ()
        return Detection(status=self.status, evidence=found, reason="no stream")


FIRED, NOT, ABSTAIN = (Fixed(status) for status in Status)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((FIRED, FIRED), Status.FIRED),
        ((FIRED, NOT), Status.NOT_FIRED),
        ((ABSTAIN, NOT), Status.NOT_FIRED),
        ((FIRED, ABSTAIN), Status.ABSTAIN),
    ],
)
def test_all_of_truth_table(parts: tuple[Detector, ...], expected: Status) -> None:
    assert d.AllOf(*parts).detect(evidence(loaded("http://a/"))).status is expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((NOT, FIRED), Status.FIRED),
        ((ABSTAIN, FIRED), Status.FIRED),
        ((NOT, ABSTAIN), Status.ABSTAIN),
        ((NOT, NOT), Status.NOT_FIRED),
    ],
)
def test_any_of_truth_table(parts: tuple[Detector, ...], expected: Status) -> None:
    assert d.AnyOf(*parts).detect(evidence(loaded("http://a/"))).status is expected


def test_all_of_gives_its_evidence_once_and_in_order() -> None:
    detector = d.AllOf(
        d.FieldFilled(name="b", value="2"),
        d.FieldFilled(name="a", value="1"),
        d.FieldFilled(name="b", value="2"),
    )
    assert seqs(detector, filled("a", "1"), filled("x", ""), filled("b", "2")) == [0, 2]


def test_in_order_needs_each_part_after_the_one_before() -> None:
    detector = d.InOrder(d.FieldFilled(name="a", value="1"), d.FieldFilled(name="b", value="2"))
    assert seqs(detector, filled("b", "2"), filled("a", "1"), filled("b", "2")) == [1, 2]
    assert not fires(detector, filled("b", "2"), filled("a", "1"))
    assert not fires(d.InOrder(detector, detector), filled("a", "1"), filled("b", "2"))


def test_in_order_says_that_it_abstains() -> None:
    detection = d.InOrder(FIRED, ABSTAIN).detect(evidence(loaded("http://a/")))
    assert (detection.status, detection.reason) == (Status.ABSTAIN, "no stream")


DETECTORS: list[Detector] = [
    d.NavigatedTo("u"),
    d.ElementShown(role="r", name="n"),
    d.TextRead("t"),
    d.FieldFilled(name="n", value="v"),
    d.DialogOpened("n"),
    d.Submitted("n"),
    d.NotificationShown("t"),
    d.TitleShown("t"),
    d.Toggled(name="n", checked=True),
    d.Downloaded("p"),
    d.FileMatches(path="p", sha256="s"),
    d.FilePresent(path="p", sha256="s"),
    d.FileGone("p"),
    d.DirectoryUpdated("p"),
    d.SiteRow(site="s", table="t", values={}),
    d.OnlyChanges("s", "t", [{}]),
    d.Answered("t"),
]


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: type(detector).__name__)
def test_nothing_fires_on_no_evidence(detector: Detector) -> None:
    assert detector.detect([]).status is Status.NOT_FIRED


ENTRIES = st.lists(
    st.sampled_from(
        [
            loaded("u"),
            filled("n", "v"),
            toggled("n", True),
            created("p", "s"),
            deleted("p"),
            row(1, None, {"a": 1}, site="s", table="t"),
            entry(K.ANSWER_GIVEN, text="t"),
        ]
    ),
    max_size=8,
)


@given(entries=ENTRIES)
def test_detectors_are_pure_and_their_evidence_is_part_of_the_log(entries: list[Entry]) -> None:
    events = evidence(*entries)
    for detector in DETECTORS:
        first, second = detector.detect(events), detector.detect(events)
        assert first == second
        assert all(events[event.seq] is event for event in first.evidence)
