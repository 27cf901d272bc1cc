"""The intranet: news, report tables, the staff list."""

import sqlite3

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cairn.envs.sites.frame import Frame, NavLink, rows_of
from cairn.envs.sites.site import Site

SCHEMA = """
CREATE TABLE news (id INTEGER PRIMARY KEY, headline TEXT NOT NULL);
CREATE TABLE reports (id INTEGER PRIMARY KEY, topic TEXT NOT NULL, total INTEGER NOT NULL);
CREATE TABLE budgets (id INTEGER PRIMARY KEY, topic TEXT NOT NULL, total INTEGER NOT NULL);
CREATE TABLE staff (id INTEGER PRIMARY KEY, name TEXT NOT NULL, department TEXT NOT NULL);
"""

FRAME = Frame(
    app_name="Intranet",
    accent="#1d5fa8",
    links=(
        NavLink(label="Home", path="/"),
        NavLink(label="Reports", path="/reports"),
        NavLink(label="Budgets", path="/budgets"),
        NavLink(label="Staff", path="/staff"),
    ),
)


async def home(request: Request) -> Response:
    """Show the news."""
    return FRAME.page(
        request, "intranet_home.html", news=rows_of(request, "SELECT * FROM news ORDER BY id")
    )


async def reports(request: Request) -> Response:
    """Show the total of each report."""
    rows = rows_of(request, "SELECT topic, total FROM reports ORDER BY id")
    return _table_page(request, "Reports", ("Topic", "Total"), rows)


async def budgets(request: Request) -> Response:
    """Show the total of each budget."""
    rows = rows_of(request, "SELECT topic, total FROM budgets ORDER BY id")
    return _table_page(request, "Budgets", ("Topic", "Total"), rows)


async def staff(request: Request) -> Response:
    """Show who works where."""
    rows = rows_of(request, "SELECT name, department FROM staff ORDER BY id")
    return _table_page(request, "Staff", ("Name", "Department"), rows)


def _table_page(
    request: Request, heading: str, columns: tuple[str, ...], rows: list[sqlite3.Row]
) -> Response:
    return FRAME.page(request, "intranet_table.html", heading=heading, columns=columns, rows=rows)


SITE = Site(
    name="intranet",
    schema=SCHEMA,
    app=FRAME.app(
        [
            Route("/", home),
            Route("/reports", reports),
            Route("/budgets", budgets),
            Route("/staff", staff),
        ]
    ),
)
