"""What all sites share: the page frame, error pages and the reading of requests."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

MAX_INTEGER = 2**63 - 1  # what SQLite can hold
MAX_FIELD_CHARS = 1000

# A page is one request: nothing may be loaded beside it, and only its own site may be written to.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        "img-src data:; connect-src 'self'; form-action 'self'; base-uri 'none'"
    ),
}

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    auto_reload=False,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NavLink:
    """One entry of a site's navigation.

    Attributes:
        label: What it says.
        path: Where it leads, with the query if it has one.
    """

    label: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The look and navigation of one site.

    Attributes:
        app_name: Shown in the header and at the end of each title.
        accent: CSS colour of its controls; readable under white text.
        links: Its navigation.
    """

    app_name: str
    accent: str
    links: tuple[NavLink, ...]

    def page(
        self, request: Request, template: str, *, status: int = 200, **context: object
    ) -> HTMLResponse:
        """Render a template inside the frame."""
        exact = f"{request.url.path}?{request.url.query}"
        here = exact if any(link.path == exact for link in self.links) else request.url.path
        text = _TEMPLATES.get_template(template).render(frame=self, here=here, **context)
        return HTMLResponse(text, status_code=status, headers=HEADERS)

    async def error_page(self, request: Request, error: Exception) -> Response:
        """Render an HTTP error; never repeats what the request said."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        heading = "Page not found" if status == 404 else HTTPStatus(status).phrase
        return self.page(request, "error.html", status=status, heading=heading)

    def app(self, routes: Sequence[Route]) -> Starlette:
        """Make the application of these routes, with error pages."""
        return Starlette(routes=routes, exception_handlers={HTTPException: self.error_page})


def database_of(request: Request) -> sqlite3.Connection:
    """Return the database of the episode that the request belongs to."""
    database: sqlite3.Connection = request.state.database
    return database


def rows_of(request: Request, query: str, *values: str | int) -> list[sqlite3.Row]:
    """Run a query and return its rows."""
    return database_of(request).execute(query, values).fetchall()


def row_or_404(request: Request, query: str) -> sqlite3.Row:
    """Return the one row that `query` finds for the path's `id`.

    Raises:
        HTTPException: 404 if there is none.
    """
    number: int = request.path_params["id"]
    rows = rows_of(request, query, number) if number <= MAX_INTEGER else []
    if not rows:
        raise HTTPException(404)
    return rows[0]


def next_id(request: Request, table: str) -> int:
    """Return the id that the table's next row will get; `table` is a name from our own code."""
    query = f"SELECT COALESCE(MAX(id), 0) + 1 FROM {table}"
    return int(rows_of(request, query)[0][0])


def text_of(form: FormData, name: str) -> str:
    """Return a text field, with outer spaces removed and its length capped; "" if absent."""
    value = form.get(name)
    return value.strip()[:MAX_FIELD_CHARS] if isinstance(value, str) else ""


def see_other(path: str) -> RedirectResponse:
    """Answer a post: the browser then gets `path`, so that a reload posts nothing."""
    return RedirectResponse(path, status_code=303, headers={"Cache-Control": "no-store"})
