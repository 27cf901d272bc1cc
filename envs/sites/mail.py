"""Mail: an inbox, drafts with attachments, sent messages."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cairn.envs.sites.frame import (
    MAX_INTEGER,
    Frame,
    NavLink,
    database_of,
    row_or_404,
    rows_of,
    see_other,
    text_of,
)
from cairn.envs.sites.site import Site

# A draft is a row of its own table, so that `messages` changes only when a message is sent.
SCHEMA = """
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    folder TEXT NOT NULL CHECK (folder IN ('inbox', 'sent')),
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    attached TEXT NOT NULL DEFAULT '',  -- `NAME SHA256`, one attachment a line
    draft INTEGER UNIQUE  -- the draft it was sent from
);
CREATE TABLE drafts (
    id INTEGER PRIMARY KEY,
    is_open INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE attachments (
    id INTEGER PRIMARY KEY,
    draft INTEGER NOT NULL REFERENCES drafts (id),
    name TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    UNIQUE (draft, name)
);
"""

OWN_ADDRESS = "me@corp.test"
MAX_ATTACHMENT_BYTES = 1_000_000

FRAME = Frame(
    app_name="Mail",
    accent="#20639b",
    links=(NavLink(label="Inbox", path="/"), NavLink(label="Sent", path="/sent")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the editor's fields hold."""

    recipient: str = ""
    subject: str = ""
    body: str = ""


async def inbox(request: Request) -> Response:
    """List the messages received; `?sent=N` reports that message N was sent."""
    number = request.query_params.get("sent", "")
    is_number = re.fullmatch("[0-9]{1,18}", number) is not None
    query = "SELECT id FROM messages WHERE folder = 'sent' AND id = ?"
    was_sent = is_number and bool(rows_of(request, query, int(number)))
    return _folder_page(request, "inbox", notice="Message sent" if was_sent else "")


async def sent(request: Request) -> Response:
    """List the messages sent."""
    return _folder_page(request, "sent", notice="")


async def message_page(request: Request) -> Response:
    """Show one message."""
    message = row_or_404(request, "SELECT * FROM messages WHERE id = ?")
    names = [line.rpartition(" ")[0] for line in message["attached"].splitlines()]
    return FRAME.page(request, "mail_message.html", message=message, names=names)


async def compose(request: Request) -> Response:
    """Open a draft: a new one, or the one that is still empty."""
    empty = rows_of(
        request,
        "SELECT id FROM drafts WHERE is_open AND id NOT IN (SELECT draft FROM attachments)",
    )
    if empty:
        return see_other(f"/drafts/{empty[0]['id']}")
    number = database_of(request).execute("INSERT INTO drafts DEFAULT VALUES").lastrowid
    return see_other(f"/drafts/{number}")


async def draft_page(request: Request) -> Response:
    """Show the editor."""
    return _editor_page(request, Entry(), error="", status=200)


async def attach(request: Request) -> Response:
    """Attach a file to a draft; one of the same name is replaced."""
    draft = _open_draft(request)
    async with request.form() as form:
        upload = form.get("file")
        if not isinstance(upload, UploadFile) or not upload.filename:
            return JSONResponse({"error": "Choose a file."}, status_code=422)
        content = await upload.read(MAX_ATTACHMENT_BYTES + 1)
        name = " ".join(PurePosixPath(upload.filename).name.split())[:100]
    if len(content) > MAX_ATTACHMENT_BYTES:
        return JSONResponse({"error": "The file is too large."}, status_code=413)
    database_of(request).execute(
        "INSERT INTO attachments (draft, name, size, sha256) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (draft, name) DO UPDATE SET size = excluded.size, sha256 = excluded.sha256",
        (draft, name, len(content), hashlib.sha256(content).hexdigest()),
    )
    return JSONResponse(_attachments(request, draft))


async def detach(request: Request) -> Response:
    """Remove a file from a draft."""
    draft = _open_draft(request)
    async with request.form() as form:
        name = text_of(form, "name")
    database_of(request).execute(
        "DELETE FROM attachments WHERE draft = ? AND name = ?", (draft, name)
    )
    return JSONResponse(_attachments(request, draft))


async def send(request: Request) -> Response:
    """Check a draft and send it; the same post again leads to the same message."""
    number: int = request.path_params["id"]
    if number <= MAX_INTEGER:
        already = rows_of(request, "SELECT id FROM messages WHERE draft = ?", number)
        if already:
            return see_other(f"/?sent={already[0]['id']}")
    draft = _open_draft(request)
    async with request.form() as form:
        entry = Entry(
            recipient=text_of(form, "recipient"),
            subject=text_of(form, "subject"),
            body=text_of(form, "body"),
        )
    if error := _problem(entry):
        return _editor_page(request, entry, error=error, status=422)
    return see_other(f"/?sent={_store(request, draft, entry)}")


def _store(request: Request, draft: int, entry: Entry) -> int:
    """Turn the draft into a sent message and return the message's id."""
    database = database_of(request)
    query = "SELECT name, sha256 FROM attachments WHERE draft = ? ORDER BY name"
    attached = "\n".join(f"{row['name']} {row['sha256']}" for row in rows_of(request, query, draft))
    cursor = database.execute(
        "INSERT INTO messages (folder, sender, recipient, subject, body, attached, draft) "
        "VALUES ('sent', ?, ?, ?, ?, ?, ?)",
        (OWN_ADDRESS, entry.recipient, entry.subject, entry.body, attached, draft),
    )
    database.execute("UPDATE drafts SET is_open = 0 WHERE id = ?", (draft,))
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _problem(entry: Entry) -> str:
    """Say what is wrong, in the words that the page's own script uses, or return ""."""
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", entry.recipient):
        return "Enter an address in To."
    if not entry.subject:
        return "Enter a subject."
    return ""


def _open_draft(request: Request) -> int:
    row = row_or_404(request, "SELECT id, is_open FROM drafts WHERE id = ?")
    if not row["is_open"]:
        raise HTTPException(404)
    return int(row["id"])


def _attachments(request: Request, draft: int) -> list[str]:
    query = "SELECT name FROM attachments WHERE draft = ? ORDER BY name"
    return [row["name"] for row in rows_of(request, query, draft)]


def _folder_page(request: Request, folder: str, *, notice: str) -> Response:
    rows = rows_of(request, "SELECT * FROM messages WHERE folder = ? ORDER BY id DESC", folder)
    return FRAME.page(request, "mail_folder.html", folder=folder, messages=rows, notice=notice)


def _editor_page(request: Request, entry: Entry, *, error: str, status: int) -> Response:
    draft = _open_draft(request)
    return FRAME.page(
        request,
        "mail_editor.html",
        status=status,
        draft=draft,
        entry=entry,
        error=error,
        names=_attachments(request, draft),
    )


SITE = Site(
    name="mail",
    schema=SCHEMA,
    app=FRAME.app(
        [
            Route("/", inbox),
            Route("/sent", sent),
            Route("/messages/{id:int}", message_page),
            Route("/drafts", compose, methods=["POST"]),
            Route("/drafts/{id:int}", draft_page),
            Route("/drafts/{id:int}", send, methods=["POST"]),
            Route("/drafts/{id:int}/attach", attach, methods=["POST"]),
            Route("/drafts/{id:int}/detach", detach, methods=["POST"]),
        ]
    ),
)
