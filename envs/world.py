"""The start state of an episode: what the sites hold and which files lie in the workspace."""

import sqlite3
from pathlib import PurePosixPath

from cairn.envs.sites import SITES
from cairn.envs.sites.site import Site
from cairn.sandbox.errors import TaskError, lookup


class World:
    """Collects what a task sets up, before a browser or a workspace exists.

    Attributes:
        databases: One SQLite database in memory for each site that the task uses.
        files: Content by path, relative to the agent's home folder.
        folders: Empty folders to make.
    """

    def __init__(self) -> None:
        self.databases: dict[str, sqlite3.Connection] = {}
        self.files: dict[str, bytes] = {}
        self.folders: list[str] = []

    def site(self, name: str) -> sqlite3.Connection:
        """Return the database of the site, its tables made, ready for rows."""
        if name not in self.databases:
            site: Site = lookup(SITES, name, kind="site")
            # The site server runs in the event loop's thread, which may not be the one of setup.
            database = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
            database.row_factory = sqlite3.Row
            database.executescript(site.schema)
            self.databases[name] = database
        return self.databases[name]

    def write_file(self, path: str, content: bytes | str) -> None:
        """Put a file into the workspace.

        Raises:
            TaskError: If the path is absolute or leaves the home folder.
        """
        self.files[_relative(path)] = content.encode() if isinstance(content, str) else content

    def make_dir(self, path: str) -> None:
        """Make a folder in the workspace.

        Raises:
            TaskError: If the path is absolute or leaves the home folder.
        """
        self.folders.append(_relative(path))

    def close(self) -> None:
        """Release the databases."""
        for database in self.databases.values():
            database.close()


def _relative(path: str) -> str:
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or not parts.parts:
        raise TaskError(f"path {path!r}: must be relative to the home folder and stay in it")
    return str(parts)
