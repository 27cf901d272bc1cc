"""Forms: equipment requests, with validation and a confirmation."""

import re
import sqlite3
from dataclasses import asdict, dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cairn.envs.sites.frame import (
    MAX_INTEGER,
    Frame,
    NavLink,
    database_of,
    next_id,
    row_or_404,
    rows_of,
    see_other,
    text_of,
)
from cairn.envs.sites.site import Site

SCHEMA = """
CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    employee TEXT NOT NULL,
    room TEXT NOT NULL,
    item TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('sent', 'approved'))
);
"""

FRAME = Frame(
    app_name="Forms",
    accent="#6a3fa0",
    links=(
        NavLink(label="New request", path="/new"),
        NavLink(label="All requests", path="/"),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the form's fields hold."""

    employee: str = ""
    room: str = ""
    item: str = ""


async def requests_page(request: Request) -> Response:
    """List all requests."""
    return FRAME.page(
        request, "forms_list.html", rows=rows_of(request, "SELECT * FROM requests ORDER BY id")
    )


async def new_page(request: Request) -> Response:
    """Show the empty form."""
    return _form_page(request, Entry(), error="", status=200)


async def create(request: Request) -> Response:
    """Check and store a request; the same post again leads to the same request."""
    async with request.form() as form:
        entry = Entry(**{name: text_of(form, name) for name in ("employee", "room", "item")})
        number = text_of(form, "number")
    if error := _problem(entry, _items(request)):
        return _form_page(request, entry, error=error, status=422)
    if _is_stored(request, number, entry):
        return see_other(f"/requests/{number}")
    if number != str(next_id(request, "requests")):
        return _form_page(
            request, entry, error="This form was out of date. Check it again.", status=409
        )
    database_of(request).execute(
        "INSERT INTO requests (id, employee, room, item, state) VALUES (?, ?, ?, ?, 'sent')",
        (int(number), entry.employee, entry.room, entry.item),
    )
    return see_other(f"/requests/{number}")


async def request_page(request: Request) -> Response:
    """Show one request, and that it was sent as long as nobody has approved it."""
    row = row_or_404(request, "SELECT * FROM requests WHERE id = ?")
    return FRAME.page(request, "forms_request.html", row=row)


def _form_page(request: Request, entry: Entry, *, error: str, status: int) -> Response:
    return FRAME.page(
        request,
        "forms_new.html",
        status=status,
        entry=entry,
        error=error,
        items=_items(request),
        number=next_id(request, "requests"),
    )


def _items(request: Request) -> list[str]:
    return [row["name"] for row in rows_of(request, "SELECT name FROM items ORDER BY name")]


def _problem(entry: Entry, items: list[str]) -> str:
    """Say what is wrong, in the words that the page's own script uses, or return ""."""
    if not entry.employee:
        return "Enter the employee name."
    if not re.fullmatch("[0-9]{3}", entry.room):
        return "Enter a room of three digits."
    if entry.item not in items:
        return "Choose an item."
    return ""


def _is_stored(request: Request, number: str, entry: Entry) -> bool:
    if not re.fullmatch("[0-9]{1,18}", number) or int(number) > MAX_INTEGER:
        return False
    rows: list[sqlite3.Row] = rows_of(
        request, "SELECT employee, room, item FROM requests WHERE id = ?", int(number)
    )
    return bool(rows) and dict(rows[0]) == asdict(entry)


SITE = Site(
    name="forms",
    schema=SCHEMA,
    app=FRAME.app(
        [
            Route("/", requests_page),
            Route("/new", new_page),
            Route("/new", create, methods=["POST"]),
            Route("/requests/{id:int}", request_page),
        ]
    ),
)
