"""What a site is: a small server-side web application whose whole state is one SQLite database.

A request carries the episode's own database in `request.state.database`. A site keeps no other
state, so that episodes cannot see each other and every change is evidence.
"""

from dataclasses import dataclass

from starlette.applications import Starlette


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A web application.

    Attributes:
        name: First part of its host name: `mail` is served at `http://mail.localhost/`.
        schema: SQL that makes its tables; each has an integer primary key `id`.
        app: Handles its requests; serves every episode.
    """

    name: str
    schema: str
    app: Starlette
