"""Drive: exported files to download."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cairn.envs.sites.frame import HEADERS, Frame, NavLink, row_or_404, rows_of
from cairn.envs.sites.site import Site

SCHEMA = """
CREATE TABLE exports (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    format TEXT NOT NULL CHECK (format IN ('csv', 'json', 'txt')),
    content TEXT NOT NULL
);
"""

MEDIA_TYPES = {"csv": "text/csv", "json": "application/json", "txt": "text/plain"}

FRAME = Frame(
    app_name="Drive",
    accent="#0b7a55",
    links=(
        NavLink(label="All", path="/"),
        NavLink(label="CSV", path="/?format=csv"),
        NavLink(label="JSON", path="/?format=json"),
        NavLink(label="Text", path="/?format=txt"),
    ),
)


async def exports_page(request: Request) -> Response:
    """List the exports, all or those of one format."""
    wanted = request.query_params.get("format", "")
    query = "SELECT id, name, format, LENGTH(content) AS size FROM exports"
    if wanted in MEDIA_TYPES:
        rows = rows_of(request, f"{query} WHERE format = ? ORDER BY id", wanted)
    else:
        rows = rows_of(request, f"{query} ORDER BY id")
    return FRAME.page(request, "drive_exports.html", exports=rows)


async def download(request: Request) -> Response:
    """Send an export as a file."""
    row = row_or_404(request, "SELECT name, format, content FROM exports WHERE id = ?")
    disposition = {"Content-Disposition": f'attachment; filename="{row["name"]}"'}
    return Response(
        row["content"].encode(),
        media_type=MEDIA_TYPES[row["format"]],
        headers=HEADERS | disposition,
    )


SITE = Site(
    name="drive",
    schema=SCHEMA,
    app=FRAME.app([Route("/", exports_page), Route("/exports/{id:int}", download)]),
)
