"""Which rows of a site's database a request changed."""

import sqlite3
from collections.abc import Iterator

import pytest

from cairn.sandbox.site_state import RowChange, SiteState


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.executescript("""
        CREATE TABLE b (id INTEGER PRIMARY KEY, name TEXT, blob BLOB);
        CREATE TABLE a (id INTEGER PRIMARY KEY, size REAL);
        INSERT INTO b (name, blob) VALUES ('one', x'00'), ('two', NULL);
    """)
    yield database
    database.close()


def test_changes_are_listed_by_table_then_row(database: sqlite3.Connection) -> None:
    state = SiteState(database)
    database.execute("UPDATE b SET name = 'zwei' WHERE id = 2")
    database.execute("DELETE FROM b WHERE id = 1")
    database.execute("INSERT INTO a (id, size) VALUES (9, 1.5)")
    empty_hash = "sha256:6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert state.take_changes() == [
        RowChange(table="a", row=9, before=None, after={"id": 9, "size": 1.5}),
        RowChange(
            table="b", row=1, before={"id": 1, "name": "one", "blob": empty_hash}, after=None
        ),
        RowChange(
            table="b",
            row=2,
            before={"id": 2, "name": "two", "blob": None},
            after={"id": 2, "name": "zwei", "blob": None},
        ),
    ]
    assert state.take_changes() == []


def test_write_that_changes_nothing_is_no_change(database: sqlite3.Connection) -> None:
    state = SiteState(database)
    digest = state.digest
    database.execute("UPDATE b SET name = name")
    assert state.take_changes() == []
    assert state.digest == digest


def test_digest_is_that_of_the_content(database: sqlite3.Connection) -> None:
    state = SiteState(database)
    first = state.digest
    database.execute("UPDATE b SET name = 'x' WHERE id = 1")
    state.take_changes()
    second = state.digest
    database.execute("UPDATE b SET name = 'one' WHERE id = 1")
    state.take_changes()
    assert first == state.digest != second


def test_change_is_event_data() -> None:
    change = RowChange(table="a", row=1, before=None, after={"id": 1})
    assert change.to_json() == {"table": "a", "row": 1, "before": None, "after": {"id": 1}}
