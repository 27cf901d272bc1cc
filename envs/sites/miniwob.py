"""MiniWoB++, a guest: the pages of the package `miniwob`, each with a script that reports its end.

The package is found and never imported; it would bring another Gymnasium and Selenium.
"""

import os
from functools import cache
from importlib.util import find_spec
from mimetypes import guess_type
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from cairn.envs.sites.frame import Frame, NavLink, database_of, rows_of, see_other
from cairn.envs.sites.site import Site
from cairn.sandbox.errors import SetupError

SCHEMA = """
CREATE TABLE episodes (
    id INTEGER PRIMARY KEY,
    page TEXT NOT NULL,
    seed INTEGER NOT NULL,
    reward REAL,
    is_success INTEGER
);
"""

FRAME = Frame(app_name="MiniWoB++", accent="#555555", links=(NavLink(label="Home", path="/"),))

_HEADERS = {"Cache-Control": "no-store"}
_SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


class End(BaseModel):
    """How an episode ended, by the page's own account."""

    model_config = ConfigDict(extra="forbid")

    reward: float


def find_pages() -> Path:
    """Return the folder `html` of the package, or of the one that CAIRN_MINIWOB names.

    Raises:
        SetupError: If there is none; the message says how to get it.
    """
    named = os.environ.get("CAIRN_MINIWOB")
    spec = None if named else find_spec("miniwob")
    package = Path(named) if named else Path(spec.origin).parent if spec and spec.origin else None
    if package is not None and (package / "html" / "core" / "core.js").is_file():
        return package / "html"
    where = f"CAIRN_MINIWOB={named!r} has no html/core/core.js" if named else "it is not installed"
    raise SetupError(
        f"the suite 'miniwob' needs the pages of MiniWoB++, and {where}; "
        "run: pip install --no-deps miniwob==1.0"
    )


async def home(request: Request) -> Response:
    """Lead to the episode's page."""
    rows = rows_of(request, "SELECT page FROM episodes")
    if not rows:
        raise HTTPException(404)
    return see_other(f"/miniwob/{rows[0]['page']}.html")


async def page(request: Request) -> Response:
    """Show the episode's page; it has no other."""
    name = request.path_params["name"]
    rows = rows_of(request, "SELECT seed FROM episodes WHERE page = ?", name)
    if not rows:
        raise HTTPException(404)
    text = (find_pages() / "miniwob" / f"{name}.html").read_text(encoding="utf-8")
    script = _SCRIPT.replace("SEED", str(rows[0]["seed"]))
    return HTMLResponse(f"{text}<script>{script}</script>", headers=_HEADERS)


async def part(request: Request) -> Response:
    """Send a script, a style sheet or an image that pages use."""
    folder = find_pages()
    path = (folder / request.url.path.lstrip("/")).resolve()
    if not (path.is_relative_to(folder.resolve()) and path.is_file()):
        raise HTTPException(404)
    return Response(_content(path), media_type=guess_type(path)[0], headers=_HEADERS)


@cache
def _content(path: Path) -> bytes:
    return path.read_bytes()


async def end(request: Request) -> Response:
    """Keep the reward of the episode's first end; there is no second try."""
    try:
        reward = End.model_validate_json(await request.body()).reward
    except ValidationError:
        raise HTTPException(400) from None
    statement = "UPDATE episodes SET reward = ?, is_success = ? WHERE reward IS NULL"
    database_of(request).execute(statement, (reward, int(reward > 0)))
    return PlainTextResponse("kept")


SITE = Site(
    name="miniwob",
    schema=SCHEMA,
    app=FRAME.app(
        [
            Route("/", home),
            Route("/miniwob/{name}.html", page),
            Route("/end", end, methods=["POST"]),
            Route("/core/{path:path}", part),
            Route("/common/{path:path}", part),
        ]
    ),
)
