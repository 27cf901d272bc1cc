"""The sites by themselves: real ASGI requests, no browser."""

import asyncio
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from cairn.envs.sites import SITES
from cairn.envs.world import World

HOSTILE = '<script>alert("x")</script>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def location(self) -> str:
        return self.headers["location"]


class Client:
    """Calls one site as its server does."""

    def __init__(self, name: str, world: World) -> None:
        self.app = SITES[name].app
        self.name = name
        self.database = world.site(name)

    def get(self, path: str) -> Answer:
        return self._request("GET", path, b"", "")

    def post(self, path: str, **fields: str) -> Answer:
        return self._request(
            "POST", path, urlencode(fields).encode(), "application/x-www-form-urlencoded"
        )

    def upload(self, path: str, name: str, content: bytes) -> Answer:
        head = f'--cut\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = head.encode() + content + b"\r\n--cut--\r\n"
        return self._request("POST", path, body, "multipart/form-data; boundary=cut")

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.database.execute(f"SELECT * FROM {table}")]

    def dump(self) -> list[str]:
        return list(self.database.iterdump())

    def _request(self, method: str, path: str, body: bytes, kind: str) -> Answer:
        return asyncio.run(self._call(method, path, body, kind))

    async def _call(self, method: str, path: str, body: bytes, kind: str) -> Answer:
        path, _, query = path.partition("?")
        sent: list[dict[str, Any]] = []
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [
                (b"host", f"{self.name}.localhost".encode()),
                (b"content-type", kind.encode()),
            ],
            "server": (f"{self.name}.localhost", 80),
            "state": {"database": self.database},
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        return Answer(
            status=sent[0]["status"],
            headers={key.decode(): value.decode() for key, value in sent[0]["headers"]},
            body=b"".join(message.get("body", b"") for message in sent[1:]),
        )


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    forms = world.site("forms")
    forms.executemany("INSERT INTO items (name) VALUES (?)", [("Lamp",), ("Desk",)])
    forms.execute(
        "INSERT INTO requests (employee, room, item, state) VALUES ('Eva', '101', 'Desk', ?)",
        ("approved",),
    )
    intranet = world.site("intranet")
    intranet.execute("INSERT INTO news (headline) VALUES ('Ada joined Sales')")
    intranet.execute("INSERT INTO reports (topic, total) VALUES ('Travel', 412)")
    intranet.execute("INSERT INTO budgets (topic, total) VALUES ('Travel', 318)")
    intranet.execute("INSERT INTO staff (name, department) VALUES ('Ada', 'Sales')")
    world.site("drive").executemany(
        "INSERT INTO exports (name, format, content) VALUES (?, ?, ?)",
        [("travel.csv", "csv", "a,b\r\nü,2\r\n"), ("travel.txt", "txt", "Travel\n")],
    )
    world.site("mail").execute(
        "INSERT INTO messages (folder, sender, recipient, subject, body) "
        "VALUES ('inbox', 'eva@corp.test', 'me@corp.test', 'Budget', 'Hello.')"
    )
    settings = world.site("settings")
    settings.executemany("INSERT INTO panels (name) VALUES (?)", [("Privacy",), ("Sound",)])
    settings.executemany(
        "INSERT INTO settings (panel, name, enabled) VALUES (?, ?, ?)",
        [("Privacy", "Team alerts", 0), ("Privacy", "Guest calls", 1), ("Sound", "Tones", 0)],
    )
    world.site("library").executemany(
        "INSERT INTO books (title, author, shelf) VALUES (?, ?, ?)",
        [("Modern Travel", "Ada", 100), ("Open Travel", "Eva", 200), ("100% Cotton", "Leo", 300)],
    )
    yield world
    world.close()


PAGES = [
    ("intranet", "/", "News", "Home - Intranet"),
    ("intranet", "/reports", "Reports", "Reports - Intranet"),
    ("intranet", "/budgets", "Budgets", "Budgets - Intranet"),
    ("intranet", "/staff", "Staff", "Staff - Intranet"),
    ("forms", "/", "All requests", "All requests - Forms"),
    ("forms", "/new", "New request", "New request - Forms"),
    ("forms", "/requests/1", "Request 1", "Request 1 - Forms"),
    ("drive", "/", "Exports", "Exports - Drive"),
    ("drive", "/?format=csv", "Exports", "Exports - Drive"),
    ("mail", "/", "Inbox", "Inbox - Mail"),
    ("mail", "/sent", "Sent", "Sent - Mail"),
    ("mail", "/messages/1", "Budget", "Budget - Mail"),
    ("settings", "/", "Settings", "Settings"),
    ("settings", "/panels/1", "Privacy", "Privacy - Settings"),
    ("library", "/", "Find a book", "Library"),
    ("library", "/search?q=travel", "Results", "travel - Library"),
    ("library", "/books/1", "Modern Travel", "Modern Travel - Library"),
]


@pytest.mark.parametrize(("site", "path", "heading", "title"), PAGES)
def test_page_renders_alone_and_changes_nothing(
    world: World, site: str, path: str, heading: str, title: str
) -> None:
    client = Client(site, world)
    before = client.dump()
    first, second = client.get(path), client.get(path)
    assert first.status == 200
    assert first.text == second.text
    assert f"<h1>{heading}</h1>" in first.text
    assert f"<title>{title}</title>" in first.text
    assert client.dump() == before


@pytest.mark.parametrize(("site", "path", "heading", "title"), PAGES)
def test_page_asks_for_nothing_else_and_needs_no_frames(
    world: World, site: str, path: str, heading: str, title: str
) -> None:
    text = Client(site, world).get(path).text
    assert 'rel="icon" href="data:,"' in text
    assert not re.search(r"\ssrc=|@import|url\(|rel=.?stylesheet", text)
    assert not re.search(
        r"requestAnimationFrame|IntersectionObserver|EventSource|Worker|window\.open|Math\.random"
        r"|Date|transition\s*:|animation\s*:|@keyframes",
        text,
    )


@pytest.mark.parametrize(("site", "path", "heading", "title"), PAGES)
def test_every_control_of_a_page_has_a_label(
    world: World, site: str, path: str, heading: str, title: str
) -> None:
    text = Client(site, world).get(path).text
    labels = set(re.findall(r'<label for="([^"]+)"', text))
    for control in re.findall(r"<(?:input|select|textarea)[^>]*>", text):
        if 'type="hidden"' not in control:
            found = re.search(r'\bid="([^"]+)"', control)
            assert found is not None, control
            assert found[1] in labels, control


@pytest.mark.parametrize("site", sorted(SITES))
def test_unknown_address_is_a_404_page_that_repeats_nothing_of_it(world: World, site: str) -> None:
    answer = Client(site, world).get("/no-such-page-412")
    assert answer.status == 404
    assert "<h1>Page not found</h1>" in answer.text
    assert "412" not in re.sub(r"(?s)<style>.*?</style>", "", answer.text)


@pytest.mark.parametrize(
    ("site", "path"),
    [
        ("forms", "/requests/9"),
        ("forms", "/requests/99999999999999999999"),
        ("drive", "/exports/9"),
        ("mail", "/messages/9"),
        ("mail", "/drafts/9"),
        ("settings", "/panels/9"),
        ("library", "/books/9"),
        ("library", "/books/-1"),
    ],
)
def test_unknown_row_is_a_404_page(world: World, site: str, path: str) -> None:
    assert Client(site, world).get(path).status == 404


def test_wrong_method_is_a_405_page(world: World) -> None:
    answer = Client("drive", world).post("/")
    assert answer.status == 405
    assert "<h1>Method Not Allowed</h1>" in answer.text


def test_every_table_has_an_integer_id(world: World) -> None:
    for name in SITES:
        database = world.site(name)
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
            columns = [tuple(row)[1:3] for row in database.execute(f"PRAGMA table_info({table})")]
            assert columns[0] == ("id", "INTEGER"), (name, table)


# Forms


def test_form_stores_the_request_and_says_so(world: World) -> None:
    client = Client("forms", world)
    answer = client.post("/new", number="2", employee=" Ada ", room="412", item="Lamp")
    assert (answer.status, answer.location) == (303, "/requests/2")
    assert client.rows("requests")[1:] == [(2, "Ada", "412", "Lamp", "sent")]
    assert 'role="status">Request sent<' in client.get("/requests/2").text


def test_form_sent_twice_stores_one_request(world: World) -> None:
    client = Client("forms", world)
    for _ in range(3):
        answer = client.post("/new", number="2", employee="Ada", room="412", item="Lamp")
        assert (answer.status, answer.location) == (303, "/requests/2")
    assert len(client.rows("requests")) == 2


def test_form_with_a_used_number_and_other_values_is_asked_again(world: World) -> None:
    client = Client("forms", world)
    answer = client.post("/new", number="1", employee="Ada", room="412", item="Lamp")
    assert answer.status == 409
    assert "This form was out of date. Check it again." in answer.text
    assert 'name="number" value="2"' in answer.text
    assert len(client.rows("requests")) == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "Enter the employee name."),
        ({"employee": "Ada"}, "Enter a room of three digits."),
        ({"employee": "Ada", "room": "12"}, "Enter a room of three digits."),
        ({"employee": "Ada", "room": "٤١٢", "item": "Lamp"}, "Enter a room of three digits."),
        ({"employee": "Ada", "room": "412"}, "Choose an item."),
        ({"employee": "Ada", "room": "412", "item": "Boat"}, "Choose an item."),
    ],
)
def test_form_refuses_on_the_server_in_the_words_of_the_page_script(
    world: World, fields: dict[str, str], message: str
) -> None:
    client = Client("forms", world)
    answer = client.post("/new", number="2", **fields)
    assert answer.status == 422
    assert f'role="alert" id="alert">{message}<' in answer.text
    assert f'"{message}"' in client.get("/new").text
    assert len(client.rows("requests")) == 1


@pytest.mark.parametrize("number", ["", "x", "-1", "3", "9" * 30, "²"])
def test_form_refuses_a_number_that_it_did_not_give(world: World, number: str) -> None:
    client = Client("forms", world)
    answer = client.post("/new", number=number, employee="Ada", room="412", item="Lamp")
    assert answer.status == 409
    assert len(client.rows("requests")) == 1


def test_form_shows_no_banner_for_a_request_that_was_there_before(world: World) -> None:
    assert 'role="status"' not in Client("forms", world).get("/requests/1").text


def test_form_escapes_what_was_typed(world: World) -> None:
    client = Client("forms", world)
    refused = client.post("/new", number="2", employee=HOSTILE, room="", item="")
    client.post("/new", number="2", employee=HOSTILE, room="412", item="Lamp")
    for page in (refused.text, client.get("/requests/2").text, client.get("/").text):
        assert HOSTILE not in page
        assert "&lt;script&gt;" in page


# Drive


def test_drive_sends_the_export_byte_for_byte(world: World) -> None:
    answer = Client("drive", world).get("/exports/1")
    assert answer.body == "a,b\r\nü,2\r\n".encode()
    assert answer.headers["content-disposition"] == 'attachment; filename="travel.csv"'
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"


def test_drive_filters_by_format_and_ignores_an_unknown_one(world: World) -> None:
    client = Client("drive", world)
    assert "travel.txt" not in client.get("/?format=csv").text
    assert "travel.csv" in client.get("/?format=csv").text
    assert "travel.txt" in client.get("/?format=exe").text
    assert "No exports" in client.get("/?format=json").text


# Mail


def draft_of(client: Client) -> str:
    answer = client.post("/drafts")
    assert answer.status == 303
    return answer.location


def test_mail_opens_one_empty_draft_however_often_compose_is_posted(world: World) -> None:
    client = Client("mail", world)
    assert [draft_of(client) for _ in range(3)] == ["/drafts/1"] * 3
    client.upload("/drafts/1/attach", "a.csv", b"1")
    assert draft_of(client) == "/drafts/2"


def test_mail_attaches_a_file_with_its_hash_and_replaces_one_of_the_same_name(
    world: World,
) -> None:
    client = Client("mail", world)
    draft = draft_of(client)
    client.upload(f"{draft}/attach", "a.csv", b"old")
    answer = client.upload(f"{draft}/attach", "a.csv", b"new!")
    assert json.loads(answer.body) == ["a.csv"]
    digest = hashlib.sha256(b"new!").hexdigest()
    assert client.rows("attachments") == [(1, 1, "a.csv", 4, digest)]
    assert 'show(["a.csv"]);' in client.get(draft).text


def test_mail_removes_an_attachment(world: World) -> None:
    client = Client("mail", world)
    draft = draft_of(client)
    client.upload(f"{draft}/attach", "a.csv", b"1")
    answer = client.post(f"{draft}/detach", name="a.csv")
    assert (answer.status, json.loads(answer.body)) == (200, [])
    assert client.rows("attachments") == []


def test_mail_refuses_no_file_and_a_file_too_large(world: World) -> None:
    client = Client("mail", world)
    draft = draft_of(client)
    assert client.post(f"{draft}/attach", file="a.csv").status == 422
    assert client.upload(f"{draft}/attach", "", b"1").status == 422
    assert client.upload(f"{draft}/attach", "a.csv", b"x" * 1_000_001).status == 413
    assert client.rows("attachments") == []


def test_mail_keeps_only_the_last_part_of_an_uploaded_name(world: World) -> None:
    client = Client("mail", world)
    answer = client.upload(f"{draft_of(client)}/attach", "../../etc/a.csv", b"1")
    assert json.loads(answer.body) == ["a.csv"]


def test_mail_sends_the_message_once_and_says_so(world: World) -> None:
    client = Client("mail", world)
    draft = draft_of(client)
    client.upload(f"{draft}/attach", "b.csv", b"2")
    client.upload(f"{draft}/attach", "a.csv", b"1")
    for _ in range(3):
        answer = client.post(draft, recipient="ada@corp.test", subject="Travel", body="Hi")
        assert (answer.status, answer.location) == (303, "/?sent=2")
    attached = f"a.csv {hashlib.sha256(b'1').hexdigest()}\nb.csv {hashlib.sha256(b'2').hexdigest()}"
    sent = (2, "sent", "me@corp.test", "ada@corp.test", "Travel", "Hi", attached, 1)
    assert client.rows("messages")[1:] == [sent]
    assert 'role="status">Message sent<' in client.get("/?sent=2").text
    assert "a.csv, b.csv" in client.get("/messages/2").text
    assert client.get(draft).status == 404


@pytest.mark.parametrize("number", ["1", "2", "x", "9" * 30, "٢", ""])
def test_mail_reports_no_message_that_was_not_sent(world: World, number: str) -> None:
    answer = Client("mail", world).get(f"/?{urlencode({'sent': number})}")
    assert answer.status == 200
    assert 'role="status"' not in answer.text


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "Enter an address in To."),
        ({"recipient": "ada", "subject": "Travel"}, "Enter an address in To."),
        ({"recipient": "a@b.c d@e.f", "subject": "Travel"}, "Enter an address in To."),
        ({"recipient": "ada@corp.test", "subject": " "}, "Enter a subject."),
    ],
)
def test_mail_refuses_on_the_server_in_the_words_of_the_page_script(
    world: World, fields: dict[str, str], message: str
) -> None:
    client = Client("mail", world)
    draft = draft_of(client)
    answer = client.post(draft, **fields)
    assert answer.status == 422
    assert f'role="alert" id="alert">{message}<' in answer.text
    assert f'"{message}"' in client.get(draft).text
    assert len(client.rows("messages")) == 1


def test_mail_escapes_subjects_and_file_names(world: World) -> None:
    client = Client("mail", world)
    draft = draft_of(client)
    client.upload(f"{draft}/attach", "<img onerror=x>.csv", b"1")
    assert "<img" not in client.get(draft).text
    client.post(draft, recipient="ada@corp.test", subject=HOSTILE)
    for path in ("/sent", "/messages/2"):
        page = client.get(path).text
        assert HOSTILE not in page
        assert "<img" not in page


# Settings


def test_settings_store_only_the_switches_of_the_panel(world: World) -> None:
    client = Client("settings", world)
    answer = client.post("/panels/1", s1="on", s3="on")
    assert (answer.status, answer.location) == (303, "/panels/1?saved=1")
    assert [row[3] for row in client.rows("settings")] == [1, 0, 0]
    assert 'role="status">Changes saved<' in client.get("/panels/1?saved=1").text


def test_settings_saved_twice_change_once(world: World) -> None:
    client = Client("settings", world)
    client.post("/panels/1", s1="on")
    answer = client.post("/panels/1", s1="on")
    assert answer.location == "/panels/1?saved=none"
    assert "No changes to save" in client.get(answer.location).text
    assert client.rows("panels") == [(1, "Privacy", 1), (2, "Sound", 0)]


@pytest.mark.parametrize("saved", ["0", "1", "x", ""])
def test_settings_report_no_save_that_did_not_happen(world: World, saved: str) -> None:
    assert 'role="status"' not in Client("settings", world).get(f"/panels/1?saved={saved}").text


def test_settings_report_a_save_only_on_its_own_panel(world: World) -> None:
    client = Client("settings", world)
    client.post("/panels/1", s1="on")
    assert 'role="status"' not in client.get("/panels/2?saved=1").text


# Library


def test_library_finds_titles_in_either_case_and_names_the_list_after_the_term(
    world: World,
) -> None:
    page = Client("library", world).get("/search?q=tRAVEL").text
    assert 'aria-label="Results for tRAVEL"' in page
    assert page.count('href="/books/') == 2
    assert "<strong>Modern Travel</strong> <span" in page


def test_library_takes_a_percent_sign_literally(world: World) -> None:
    page = Client("library", world).get("/search?q=%25").text
    assert re.findall(r'href="(/books/\d+)"', page) == ["/books/3"]


def test_library_says_when_nothing_is_found(world: World) -> None:
    page = Client("library", world).get("/search?q=zzz").text
    assert "No results" in page
    assert 'aria-label="Results' not in page


def test_library_shows_the_empty_search_for_an_empty_term(world: World) -> None:
    page = Client("library", world).get("/search?q=+").text
    assert "No results" not in page
    assert "Find a book" in page


def test_library_escapes_the_term(world: World) -> None:
    page = Client("library", world).get(f"/search?{urlencode({'q': HOSTILE})}").text
    assert HOSTILE not in page
    assert 'value="&lt;script&gt;' in page


def test_episodes_do_not_see_each_other(world: World) -> None:
    other = World()
    other.site("forms").execute("INSERT INTO items (name) VALUES ('Lamp')")
    Client("forms", other).post("/new", number="1", employee="Ada", room="412", item="Lamp")
    assert len(Client("forms", other).rows("requests")) == 1
    assert [row[1] for row in Client("forms", world).rows("requests")] == ["Eva"]
    other.close()
