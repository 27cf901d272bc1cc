"""What a site's database held, and which rows a request changed."""

import hashlib
import json
import sqlite3
from dataclasses import dataclass

from cairn.sandbox.events import Json

Row = dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChange:
    """One row before and after; None where it did not exist.

    Attributes:
        table: Name of the table.
        row: The row's id.
        before: Column values before the request.
        after: Column values after it.
    """

    table: str
    row: int
    before: Row | None
    after: Row | None

    def to_json(self) -> dict[str, Json]:
        """Return the change as event data."""
        return {"table": self.table, "row": self.row, "before": self.before, "after": self.after}


class SiteState:
    """Follows a database from request to request.

    Attributes:
        digest: Hash of the whole content.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._tables = [
            str(row[0])
            for row in database.execute(
                "select name from sqlite_master where type = 'table' "
                "and name not like 'sqlite_%' order by name"
            )
        ]
        self._rows = self._read()
        self._num_writes = database.total_changes
        self.digest = self._hash()

    def take_changes(self) -> list[RowChange]:
        """Return what changed since the last call, by table, then by row."""
        if self._database.total_changes == self._num_writes:
            return []
        self._num_writes = self._database.total_changes
        before, self._rows = self._rows, self._read()
        self.digest = self._hash()
        return [
            RowChange(table=table, row=row, before=old, after=new)
            for table in self._tables
            for row in sorted(before[table].keys() | self._rows[table].keys())
            if (old := before[table].get(row)) != (new := self._rows[table].get(row))
        ]

    def _read(self) -> dict[str, dict[int, Row]]:
        return {table: self._read_table(table) for table in self._tables}

    def _read_table(self, table: str) -> dict[int, Row]:
        cursor = self._database.execute(f'select * from "{table}"')  # names come from our schema
        columns = [column[0] for column in cursor.description]
        rows = [dict(zip(columns, map(_json, row), strict=True)) for row in cursor]
        return {int(str(row["id"])): row for row in rows}

    def _hash(self) -> str:
        text = json.dumps(self._rows, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _json(value: object) -> Json:
    if isinstance(value, bytes):
        return "sha256:" + hashlib.sha256(value).hexdigest()
    return value if isinstance(value, str | int | float | None) else str(value)
