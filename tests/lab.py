"""A site for tests, whose pages are rows of its database, and a hand that acts on it."""

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Mapping

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from cairn.envs.actions import parse_action
from cairn.envs.perform import perform
from cairn.envs.sites.frame import database_of, rows_of
from cairn.envs.sites.site import Site
from cairn.sandbox.desk import Desk, View
from cairn.sandbox.errors import ActionError
from cairn.sandbox.events import Event, EventKind, Json
from cairn.sandbox.sandbox import Sandbox
from cairn.sandbox.server import Mounted

HOME = "http://lab.localhost/"


async def _page(request: Request) -> Response:
    found = rows_of(request, "SELECT body FROM pages WHERE path = ?", request.url.path)
    if not found:
        return HTMLResponse("<title>Missing</title><h1>Not found</h1>", status_code=404)
    return HTMLResponse(found[0]["body"], headers={"cache-control": "no-store"})


async def _hit(request: Request) -> Response:
    """Count the request and say how many there were."""
    await asyncio.sleep(0.01 if "slow" in request.query_params else 0)
    what = request.query_params.get("what", "")
    database_of(request).execute("INSERT INTO hits (what) VALUES (?)", (what,))
    return PlainTextResponse(str(rows_of(request, "SELECT COUNT(*) FROM hits")[0][0]))


async def _export(request: Request) -> Response:
    content = request.query_params.get("content", "a,b\n1,2\n")
    size = int(request.query_params.get("size", len(content)))

    async def body() -> AsyncIterator[bytes]:
        yield content.encode()
        for sent in range(len(content), size, 2**16):
            yield b" " * min(2**16, size - sent)

    headers = {"content-disposition": request.query_params["disposition"]}
    if "unsized" not in request.query_params:
        headers["content-length"] = str(size)
    return StreamingResponse(
        body(), media_type="text/csv", headers=headers | {"cache-control": "no-store"}
    )


async def _upload(request: Request) -> Response:
    async with request.form() as form:
        file = form["file"]
        assert not isinstance(file, str)
        content = (await file.read()).decode()
    statement = "INSERT INTO hits (what) VALUES (?)"
    database_of(request).execute(statement, (f"{file.filename}={content}",))
    return RedirectResponse("/", status_code=303)


async def _redirect(request: Request) -> Response:
    return RedirectResponse(request.query_params["to"])


async def _around(request: Request) -> Response:
    return RedirectResponse(f"/around?{int(request.url.query) + 1}")


async def _boom(request: Request) -> Response:
    raise ValueError("the shelf fell down")


async def _never(request: Request) -> Response:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response()


LAB = Site(
    name="lab",
    schema="""
        CREATE TABLE pages (id INTEGER PRIMARY KEY, path TEXT NOT NULL, body TEXT NOT NULL);
        CREATE TABLE hits (id INTEGER PRIMARY KEY, what TEXT NOT NULL);
    """,
    app=Starlette(
        routes=[
            Route("/hit", _hit, methods=["GET", "POST"]),
            Route("/export", _export),
            Route("/upload", _upload, methods=["POST"]),
            Route("/redirect", _redirect),
            Route("/around", _around),
            Route("/boom", _boom),
            Route("/never", _never),
            Route("/{path:path}", _page, methods=["GET", "POST"]),
        ]
    ),
)


def fill_lab(database: sqlite3.Connection, pages: Mapping[str, str]) -> None:
    """Put pages, by path, into a lab's database."""
    rows = [(path, f"<!doctype html><title>Lab</title>{body}") for path, body in pages.items()]
    database.executemany("INSERT INTO pages (path, body) VALUES (?, ?)", rows)


def lab_database(pages: Mapping[str, str]) -> sqlite3.Connection:
    """Return a lab's database with these pages."""
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.row_factory = sqlite3.Row
    database.executescript(LAB.schema)
    fill_lab(database, pages)
    return database


class Lab:
    """One episode on the lab site: acts by lines, and remembers what it saw.

    Attributes:
        desk: Where the episode happens.
        view: What the last step showed.
    """

    def __init__(self, sandbox: Sandbox, desk: Desk, database: sqlite3.Connection) -> None:
        self.desk = desk
        self.view: View
        self._sandbox = sandbox
        self._database = database
        self._step = 0

    @classmethod
    async def open(
        cls,
        sandbox: Sandbox,
        pages: str | Mapping[str, str],
        files: Mapping[str, bytes],
        *,
        has_shell: bool = False,
    ) -> "Lab":
        database = lab_database({"/": pages} if isinstance(pages, str) else pages)
        desk = await sandbox.open_desk(
            url=HOME,
            sites={"lab": Mounted(app=LAB.app, database=database)},
            files=files,
            folders=[],
            has_shell=has_shell,
        )
        lab = cls(sandbox, desk, database)
        lab.view = desk.view
        return lab

    async def close(self) -> None:
        await self._sandbox.close_desk(self.desk)
        self._database.close()

    async def do(self, line: str) -> str:
        """Carry out an action and look; return the action's result."""
        self._step += 1
        self.desk.log.step = self._step
        try:
            result = await perform(self.desk, parse_action(line))
        except ActionError:
            self.view = await self.desk.look(self._step)
            raise
        self.view = await self.desk.look(self._step)
        return result

    def __getitem__(self, name: str) -> str:
        """Return the ref of the first element of this name."""
        found = re.search(rf'"{re.escape(name)}".*\[ref=(e\d+)\]', self.view.page)
        assert found, f"no {name!r} in:\n{self.view.page}"
        return found[1]

    @property
    def lines(self) -> list[str]:
        """The page without indents and bullets."""
        return [line.strip().removeprefix("- ") for line in self.view.page.splitlines()]

    def seen(self, kind: EventKind) -> list[dict[str, Json]]:
        """Return the data of the last step's events of a kind."""
        return [event.data for event in self.events if event.kind is kind]

    @property
    def events(self) -> list[Event]:
        """The last step's events."""
        return [event for event in self.desk.log.events if event.step == self._step]

    @property
    def hits(self) -> list[str]:
        """What was sent to the site's `/hit` and `/upload`, in order."""
        return [row["what"] for row in self._database.execute("SELECT what FROM hits ORDER BY id")]
