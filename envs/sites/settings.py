"""Settings: panels of switches with a save button."""

import sqlite3

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cairn.envs.sites.frame import Frame, NavLink, database_of, row_or_404, rows_of, see_other
from cairn.envs.sites.site import Site

SCHEMA = """
CREATE TABLE panels (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    revision INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE settings (
    id INTEGER PRIMARY KEY,
    panel TEXT NOT NULL REFERENCES panels (name),
    name TEXT NOT NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    UNIQUE (panel, name)
);
"""

FRAME = Frame(
    app_name="Settings", accent="#b3461b", links=(NavLink(label="All settings", path="/"),)
)


async def home(request: Request) -> Response:
    """List the panels."""
    return FRAME.page(
        request, "settings_home.html", panels=rows_of(request, "SELECT * FROM panels ORDER BY id")
    )


async def panel_page(request: Request) -> Response:
    """Show one panel's switches; `?saved=N` reports the save that made revision N."""
    panel = _panel(request)
    saved = request.query_params.get("saved", "")
    if saved == "none":
        notice = "No changes to save"
    elif panel["revision"] > 0 and saved == str(panel["revision"]):
        notice = "Changes saved"
    else:
        notice = ""
    return FRAME.page(
        request, "settings_panel.html", panel=panel, settings=_settings(request), notice=notice
    )


async def save(request: Request) -> Response:
    """Store the state of all switches of a panel."""
    panel, settings = _panel(request), _settings(request)
    async with request.form() as form:
        wanted = {setting["id"]: int(f"s{setting['id']}" in form) for setting in settings}
    changed = [s["id"] for s in settings if s["enabled"] != wanted[s["id"]]]
    if not changed:
        return see_other(f"/panels/{panel['id']}?saved=none")
    database = database_of(request)
    for number in changed:
        database.execute("UPDATE settings SET enabled = ? WHERE id = ?", (wanted[number], number))
    database.execute("UPDATE panels SET revision = revision + 1 WHERE id = ?", (panel["id"],))
    return see_other(f"/panels/{panel['id']}?saved={panel['revision'] + 1}")


def _panel(request: Request) -> sqlite3.Row:
    return row_or_404(request, "SELECT * FROM panels WHERE id = ?")


def _settings(request: Request) -> list[sqlite3.Row]:
    return rows_of(
        request, "SELECT * FROM settings WHERE panel = ? ORDER BY id", _panel(request)["name"]
    )


SITE = Site(
    name="settings",
    schema=SCHEMA,
    app=FRAME.app(
        [
            Route("/", home),
            Route("/panels/{id:int}", panel_page),
            Route("/panels/{id:int}", save, methods=["POST"]),
        ]
    ),
)
