"""The suite's tasks without a browser: drawing, setting up, and scoring evidence by hand."""

import random
from collections import Counter
from typing import Any

import pytest

from cairn.envs.observation import Observation
from cairn.envs.sites import SITES
from cairn.envs.task import Category
from cairn.envs.tasks import (
    TASKS,
    file_export,
    form_request,
    mail_send_attachment,
    search_open,
    settings_toggle,
    web_report_figure,
    words,
)
from cairn.envs.tasks.documents import draw_document, render
from cairn.envs.tasks.oracles import ref_of
from cairn.envs.world import World
from cairn.rewards.ledger import Ledger
from cairn.sandbox.errors import TaskError
from cairn.sandbox.events import EventKind, Json
from tests.evidence import Entry, entry, evidence

K = EventKind
EVERY_TASK = pytest.mark.parametrize("task_id", sorted(TASKS))


def facts_of(task_id: str, seed: int) -> Any:
    return TASKS[task_id].draw(random.Random(f"{task_id}:{seed}"))


def world_of(task_id: str, facts: Any) -> World:
    world = World()
    TASKS[task_id].setup(world, facts)
    return world


def content_of(world: World) -> tuple[dict[str, list[str]], dict[str, bytes], list[str]]:
    dumps = {name: list(database.iterdump()) for name, database in world.databases.items()}
    return dumps, dict(world.files), list(world.folders)


# Every task


def test_suite_has_one_task_for_each_category_under_its_own_id() -> None:
    assert {task_id: task.id for task_id, task in TASKS.items()} == {key: key for key in TASKS}
    assert Counter(task.category for task in TASKS.values()) == Counter(
        set(Category) - {Category.GUEST}
    )


@pytest.mark.parametrize(
    ("task_id", "values"),
    [
        ("web-report-figure-v1", [0.25, 0.25, 0.5]),
        ("form-request-v1", [0.2, 0.3, 0.5]),
        ("file-export-v1", [1.0, 0.5, 0.25]),
        ("mail-send-attachment-v1", [0.25, 0.5, 1.0]),
        ("settings-toggle-v1", [0.25, 0.25, 0.5]),
        ("search-open-v1", [0.25, 0.5, 0.5]),
    ],
)
def test_milestones_pay_exactly_what_their_category_says(task_id: str, values: list[float]) -> None:
    milestones = TASKS[task_id].milestones(facts_of(task_id, 0))
    assert [milestone.value for milestone in milestones] == values
    assert len({milestone.name for milestone in milestones}) == 3
    assert all(milestone.is_required for milestone in milestones)


@EVERY_TASK
def test_draw_is_a_function_of_the_seed_and_differs_between_seeds(task_id: str) -> None:
    assert facts_of(task_id, 7) == facts_of(task_id, 7)
    assert len({repr(facts_of(task_id, seed)) for seed in range(50)}) == 50


def start_of(task_id: str) -> str:
    url = TASKS[task_id].start_url
    assert url is not None
    return url


@EVERY_TASK
def test_setup_is_a_function_of_the_facts(task_id: str) -> None:
    facts = facts_of(task_id, 3)
    first, second = world_of(task_id, facts), world_of(task_id, facts)
    assert content_of(first) == content_of(second)
    assert set(first.databases) == {start_of(task_id).split("/")[2].split(".")[0]}
    assert set(first.databases) <= set(SITES)
    first.close()
    second.close()


@EVERY_TASK
def test_goals_are_short_and_name_everything_that_is_needed(task_id: str) -> None:
    for seed in range(300):
        facts = facts_of(task_id, seed)
        goal = TASKS[task_id].goal(facts)
        assert 8 <= len(goal.split()) <= 25, goal
        assert goal.isascii()
        for needed in needed_words(facts):
            assert needed in goal


def needed_words(facts: Any) -> list[str]:
    match facts:
        case web_report_figure.Facts():
            return [facts.topic, "Reports"]
        case form_request.Facts():
            return [facts.wanted.employee, facts.wanted.room, facts.wanted.item]
        case file_export.Facts():
            return [facts.name, facts.folder]
        case mail_send_attachment.Facts():
            return [facts.recipient, facts.subject, f"Documents/{facts.name}"]
        case settings_toggle.Facts():
            state = "off" if facts.target.is_on else "on"
            return [facts.target.panel, facts.target.name, state]
        case search_open.Facts():
            return [facts.term, facts.target.title, facts.target.author]
    raise AssertionError(facts)


def truth_of(facts: Any) -> object:
    match facts:
        case web_report_figure.Facts():
            return facts.figure
        case file_export.Facts():
            return facts.wanted.sha256
        case mail_send_attachment.Facts():
            return facts.attached.sha256
    return None


# How many (goal, truth) pairs there are at least, from the word lists alone; documents' contents
# multiply those of files and mail further.
NUM_TOPICS, NUM_NAMES = len(words.TOPICS), len(words.FIRST_NAMES)
COMBINATIONS = {
    "web-report-figure-v1": 3 * NUM_TOPICS * 900,
    "form-request-v1": 3 * NUM_NAMES * 900 * len(words.ITEMS),
    "file-export-v1": 3 * NUM_TOPICS * len(words.FORMATS) * len(words.DEPARTMENTS),
    "mail-send-attachment-v1": 3 * NUM_NAMES * NUM_TOPICS * (NUM_TOPICS - 1) * len(words.FORMATS),
    "settings-toggle-v1": 3
    * 2
    * len(words.PANELS)
    * len(words.SETTING_KINDS)
    * len(words.SETTING_THINGS),
    "search-open-v1": 3 * NUM_TOPICS * len(words.TITLE_WORDS) * NUM_NAMES,
}


@EVERY_TASK
def test_there_are_ten_thousand_instances_and_they_are_drawn_evenly(task_id: str) -> None:
    space = COMBINATIONS[task_id]
    assert space >= 10_000
    num_draws = 3000
    pairs = set()
    for seed in range(num_draws):
        facts = facts_of(task_id, seed)
        pairs.add((TASKS[task_id].goal(facts), truth_of(facts)))
    # Draws without preference hit about num_draws**2 / (2 * space) pairs twice.
    assert len(pairs) >= num_draws - 1.3 * num_draws**2 / (2 * space) - 20


def test_words_are_plain_and_no_list_shares_one() -> None:
    lists = [value for name, value in vars(words).items() if name.isupper()]
    every = [word for entries in lists for word in entries]
    assert len(set(every)) == len(every)
    assert all(word.isascii() and word.isalpha() for word in every)


# Each task's distractors


def test_report_figure_is_the_only_one_of_its_kind() -> None:
    for seed in range(200):
        facts = facts_of("web-report-figure-v1", seed)
        assert len({*facts.totals, *facts.budgets}) == 12
        assert len(set(facts.topics)) == 6
        assert facts.topic in facts.topics


def test_exports_have_distinct_names_and_contents() -> None:
    for seed in range(200):
        facts = facts_of("file-export-v1", seed)
        assert len({export.name for export in facts.exports}) == 6
        assert len({export.sha256 for export in facts.exports}) == 6
        assert len(set(facts.folders)) == 3


def test_settings_have_distinct_names_that_share_words_with_the_target() -> None:
    shared = 0
    for seed in range(200):
        facts = facts_of("settings-toggle-v1", seed)
        names = [setting.name for setting in facts.settings]
        assert len(set(names)) == 16
        kind, thing = facts.target.name.split()
        shared += any(n != facts.target.name and (kind in n or thing in n) for n in names)
    assert shared == 200


def test_books_have_one_target_among_similar_ones() -> None:
    for seed in range(200):
        facts = facts_of("search-open-v1", seed)
        labels = [book.label for book in facts.books if facts.term in book.title]
        assert len(labels) == len(set(labels)) == 5
        same_title = [book for book in facts.books if book.title == facts.target.title]
        assert len(same_title) == 2


def test_mail_recipient_is_never_written_by_the_inbox_alone() -> None:
    facts = [facts_of("mail-send-attachment-v1", seed) for seed in range(200)]
    known = sum(f.recipient in {letter.sender for letter in f.inbox} for f in facts)
    assert 100 < known < 200
    assert all(f.subject not in {letter.subject for letter in f.inbox} for f in facts)


# Documents and oracles


def test_documents_are_real_files_of_their_format() -> None:
    figures = {"Sales": 412, "Legal": 318}
    assert render("Travel", figures, "csv") == "department,total\r\nSales,412\r\nLegal,318\r\n"
    assert render("Travel", figures, "txt") == "Travel\nSales 412\nLegal 318\n"
    expected = (
        '{\n  "topic": "Travel",\n  "totals": {\n    "Sales": 412,\n    "Legal": 318\n  }\n}\n'
    )
    assert render("Travel", figures, "json") == expected
    assert draw_document(random.Random("0"), "Travel", "csv").name == "travel.csv"


def test_documents_refuse_an_unknown_format() -> None:
    with pytest.raises(TaskError, match="format 'exe'"):
        render("Travel", {}, "exe")


PAGE = """\
- link "Home" [current] [ref=e1]
- textbox "Search" [ref=e2]: Travel
- button "Search" [ref=e3]
- row "Travel" "412" [ref=e4]
  - button "Go (1)" [disabled] [ref=e5]
- heading "Bare"
"""


def observation_of(page: str) -> Observation:
    return Observation(
        goal="", url="http://a/", title="", page=page, dialog="", files=(), result="",
        is_error=False, step=0, max_steps=1, state_hash="", replay_hash="",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("role", "name", "ref"),
    [
        ("link", "Home", "e1"),
        ("textbox", "Search", "e2"),
        ("button", "Search", "e3"),
        ("row", "Travel", "e4"),
        ("button", "Go (1)", "e5"),
    ],
)
def test_ref_of_finds_elements_by_role_and_name(role: str, name: str, ref: str) -> None:
    assert ref_of(observation_of(PAGE), role, name) == ref


@pytest.mark.parametrize(
    ("role", "name"), [("link", "Search"), ("row", "412"), ("heading", "Bare"), ("link", "home")]
)
def test_ref_of_says_what_is_missing(role: str, name: str) -> None:
    with pytest.raises(TaskError, match=f"no {role} '{name}' with a ref on http://a/"):
        ref_of(observation_of(PAGE), role, name)


# Scoring. The evidence is written by hand as the sandbox would see it; `earned` returns what it
# pays and whether it is a success.


def earned(task_id: str, facts: Any, *entries: Entry) -> tuple[float, bool]:
    task = TASKS[task_id]
    ledger = Ledger(task.milestones(facts), task.goal_check(facts))
    events = evidence(*entries)
    total, is_success = 0.0, False
    for step in range(1, len(events) + 1):
        score = ledger.score(events[:step], step=step)
        total, is_success = total + score.reward, score.is_success
    return round(total, 9), is_success


def loaded(url: str, status: int = 200) -> Entry:
    return entry(K.NAVIGATION_COMPLETED, url=url, status=status)


def shown(role: str, name: str) -> Entry:
    return entry(K.AX_CHANGED, added=[[role, name]])


def filled(name: str, value: str) -> Entry:
    return entry(K.FIELD_FILLED, role="textbox", name=name, value=value, by_agent=True)


def notified(text: str) -> Entry:
    return entry(K.NOTIFICATION_SHOWN, role="status", text=text)


def stored(
    site: str, table: str, after: dict[str, Json], *, before: Json = None, row: int = 9
) -> Entry:
    return entry(K.SITE_STATE_CHANGED, site=site, table=table, row=row, before=before, after=after)


@EVERY_TASK
def test_doing_nothing_pays_nothing(task_id: str) -> None:
    facts = facts_of(task_id, 0)
    start = loaded(start_of(task_id))
    assert earned(task_id, facts, start) == (0.0, False)


def test_web_pays_for_the_trail_and_succeeds_with_the_answer() -> None:
    facts = facts_of("web-report-figure-v1", 0)
    reports = [loaded("http://intranet.localhost/reports"), shown("table", "Reports Table")]
    read = entry(K.TEXT_RETRIEVED, role="row", text=f"{facts.topic} {facts.figure}")
    other = next(str(total) for total in facts.totals if str(total) != facts.figure)
    wrong = entry(K.TEXT_RETRIEVED, role="row", text=f"x {other}")

    def answer(text: str) -> Entry:
        return entry(K.ANSWER_GIVEN, text=text)

    def web(*entries: Entry) -> tuple[float, bool]:
        return earned("web-report-figure-v1", facts, *entries)

    assert web(*reports, read, answer(facts.figure)) == (1.0, True)
    assert web(*reports, read, answer(other)) == (1.0, False)
    assert web(*reports, answer(facts.figure)) == (0.5, False)
    assert web(*reports, wrong, answer(other)) == (0.5, False)
    assert web(read, answer(facts.figure)) == (0.0, False)
    assert web(loaded("http://intranet.localhost/budgets")) == (0.0, False)
    assert web(loaded("http://intranet.localhost/reports", 404)) == (0.0, False)


def test_form_pays_for_the_right_request_only() -> None:
    facts = facts_of("form-request-v1", 0)
    wanted = facts.wanted
    name = filled("Employee name", wanted.employee)
    submit = entry(K.SUBMIT_CLICKED, role="button", name="Submit request")
    dialog = entry(K.DIALOG_OPENED, name="Confirm request", native=False)

    def request(**changes: Json) -> Entry:
        values: dict[str, Json] = {
            "employee": wanted.employee,
            "room": wanted.room,
            "item": wanted.item,
            "state": "sent",
        }
        return stored("forms", "requests", {**values, **changes})

    def form(*entries: Entry) -> tuple[float, bool]:
        return earned("form-request-v1", facts, *entries)

    sent = notified("Request sent")
    assert form(name, submit, dialog, request(), sent) == (1.0, True)
    assert form(name, submit, dialog, request(room="99"), sent) == (0.5, False)
    assert form(name, submit, sent) == (0.2, False)
    assert form(name, dialog, submit) == (0.2, False)
    assert form(name, submit, dialog) == (0.5, False)
    assert form(filled("Employee name", "")) == (0.0, False)
    assert form(filled("Room", wanted.employee), filled("Room", "Request sent")) == (0.0, False)
    twice = stored("forms", "requests", {"employee": "x", "room": "1", "state": "sent"}, row=10)
    assert form(name, submit, dialog, request(), twice, sent) == (1.0, False)


def test_file_pays_for_the_right_download_only() -> None:
    facts = facts_of("file-export-v1", 0)
    path, target, sha = f"Downloads/{facts.name}", facts.folder, facts.wanted.sha256
    other = next(folder for folder in facts.folders if folder != target)

    def created(where: str, sha256: str = sha) -> Entry:
        return entry(K.FILE_CREATED, path=where, size=1, sha256=sha256)

    def download(where: str, sha256: str = sha) -> Entry:
        return entry(K.DOWNLOAD_COMPLETED, path=where, size=1, sha256=sha256, url="")

    def moved(folder: str) -> list[Entry]:
        return [
            entry(K.FILE_DELETED, path=path),
            created(f"{folder}/{facts.name}"),
            entry(K.DIRECTORY_UPDATED, path="Downloads"),
            entry(K.DIRECTORY_UPDATED, path=folder),
        ]

    def file(*entries: Entry) -> tuple[float, bool]:
        return earned("file-export-v1", facts, *entries)

    got = [created(path), download(path)]
    assert file(*got, *moved(target)) == (1.75, True)
    assert file(*got, *moved(other)) == (1.5, False)
    assert file(*got) == (1.5, False)
    copied = [created(f"{target}/{facts.name}"), entry(K.DIRECTORY_UPDATED, path=target)]
    assert file(*got, *copied) == (1.75, False)
    assert file(created(path), *moved(target)) == (0.0, False)  # written, not downloaded
    assert file(entry(K.DIRECTORY_UPDATED, path=target)) == (0.0, False)
    assert file(created("Downloads/x.csv"), download("Downloads/x.csv")) == (0.0, False)
    part = f"{path}.crdownload"
    assert file(created(part), download(part)) == (0.0, False)


def test_mail_pays_for_the_right_message_only() -> None:
    facts = facts_of("mail-send-attachment-v1", 0)
    document = facts.attached
    fields = [filled("To", facts.recipient), filled("Subject", facts.subject)]
    attached = stored("mail", "attachments", {"name": document.name, "sha256": document.sha256})

    def message(**changes: Json) -> Entry:
        values: dict[str, Json] = {
            "folder": "sent",
            "recipient": facts.recipient,
            "subject": facts.subject,
            "attached": f"{document.name} {document.sha256}",
        }
        return stored("mail", "messages", {**values, **changes})

    def mail(*entries: Entry) -> tuple[float, bool]:
        return earned("mail-send-attachment-v1", facts, *entries)

    done = notified("Message sent")
    assert mail(*fields, attached, message(), done) == (1.75, True)
    assert mail(*fields, attached, message()) == (0.75, False)
    assert mail(*fields, attached, done) == (0.75, False)
    assert mail(*fields, message(attached=""), done) == (0.25, False)
    assert mail(*fields, attached, message(recipient="x@corp.test"), done) == (0.75, False)
    assert mail(fields[0]) == (0.0, False)
    wrong_file = stored("mail", "attachments", {"name": document.name, "sha256": "0" * 64})
    assert mail(wrong_file) == (0.0, False)
    second = stored("mail", "messages", {"folder": "sent", "recipient": "x@corp.test"}, row=10)
    assert mail(*fields, attached, second, message(), done) == (1.75, False)


def test_settings_pay_for_the_right_change_only() -> None:
    facts = facts_of("settings-toggle-v1", 0)
    target = facts.target
    opened = entry(K.WINDOW_TITLE_CHANGED, title=f"{target.panel} - Settings")

    def toggled(name: str, checked: bool) -> Entry:
        return entry(K.TOGGLE_CHANGED, role="switch", name=name, checked=checked, by_agent=True)

    def change(name: str, is_on: bool, row: int = 9) -> Entry:
        before: dict[str, Json] = {"panel": target.panel, "name": name, "enabled": int(not is_on)}
        after: dict[str, Json] = {**before, "enabled": int(is_on)}
        return stored("settings", "settings", after, before=before, row=row)

    def settings(*entries: Entry) -> tuple[float, bool]:
        return earned("settings-toggle-v1", facts, *entries)

    flip, saved = toggled(target.name, not target.is_on), notified("Changes saved")
    right = change(target.name, not target.is_on)
    assert settings(opened, flip, right, saved) == (1.0, True)
    assert settings(opened, flip, saved) == (0.5, False)
    assert settings(opened, flip, toggled(target.name, target.is_on)) == (0.5, False)
    assert settings(opened, flip, change("Other", True, 8), saved) == (0.5, False)
    assert settings(opened, saved, flip) == (0.5, False)
    undone = change(target.name, target.is_on)
    assert settings(opened, flip, right, saved, undone) == (1.0, False)
    assert settings(opened, flip, right, change("Other", True, 8), saved) == (1.0, False)
    elsewhere = entry(K.WINDOW_TITLE_CHANGED, title="Elsewhere - Settings")
    assert settings(elsewhere, toggled("Other", True)) == (0.0, False)


def test_search_pays_in_order_only() -> None:
    facts = facts_of("search-open-v1", 0)
    query = filled("Search", facts.term)
    results = shown("list", f"Results for {facts.term}")
    number = facts.books.index(facts.target) + 1
    opened = loaded(f"http://library.localhost/books/{number}")
    other = loaded(f"http://library.localhost/books/{number % len(facts.books) + 1}")

    def search(*entries: Entry) -> tuple[float, bool]:
        return earned("search-open-v1", facts, *entries)

    assert search(query, results, opened) == (1.25, True)
    assert search(query, results, other) == (0.75, False)
    assert search(query, opened) == (0.25, False)
    assert search(opened, query, results) == (0.75, False)
    assert search(results, opened) == (0.0, False)  # by its address, without a search
    assert search(filled("Search", facts.term.lower()), results, opened) == (0.0, False)
    assert search(query, shown("status", "No results")) == (0.25, False)
