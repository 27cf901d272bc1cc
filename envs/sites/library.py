"""The library: search for books and open them."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cairn.envs.sites.frame import Frame, NavLink, row_or_404, rows_of
from cairn.envs.sites.site import Site

SCHEMA = """
CREATE TABLE books (
    id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    author TEXT NOT NULL,
    shelf INTEGER NOT NULL
);
"""

MAX_RESULTS = 10

FRAME = Frame(app_name="Library", accent="#8a2f52", links=(NavLink(label="Home", path="/"),))


async def home(request: Request) -> Response:
    """Show the search field."""
    return FRAME.page(request, "library_search.html", term="", books=None)


async def search(request: Request) -> Response:
    """List the books whose title contains the term, in either case."""
    term = " ".join(request.query_params.get("q", "")[:100].split())
    if not term:
        return FRAME.page(request, "library_search.html", term="", books=None)
    # INSTR has no wildcards, so that "%" finds a percent sign and not everything.
    books = rows_of(
        request,
        "SELECT * FROM books WHERE INSTR(LOWER(title), LOWER(?)) > 0 ORDER BY id LIMIT ?",
        term,
        MAX_RESULTS,
    )
    return FRAME.page(request, "library_search.html", term=term, books=books)


async def book_page(request: Request) -> Response:
    """Show one book."""
    return FRAME.page(
        request, "library_book.html", book=row_or_404(request, "SELECT * FROM books WHERE id = ?")
    )


SITE = Site(
    name="library",
    schema=SCHEMA,
    app=FRAME.app(
        [Route("/", home), Route("/search", search), Route("/books/{id:int}", book_page)]
    ),
)
