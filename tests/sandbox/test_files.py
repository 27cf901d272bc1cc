"""The file actions, hostile paths included."""

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.sandbox import files
from cairn.sandbox.errors import ActionError
from cairn.sandbox.events import EventLog
from cairn.sandbox.workspace import Workspace


@pytest.fixture
def home() -> Iterator[Workspace]:
    home = Workspace.create({"a.txt": b"one", "Documents/b.txt": b"two"}, [])
    yield home
    home.close()


def test_listing_marks_folders(home: Workspace) -> None:
    assert files.list_dir(home, ".") == "Documents/, Downloads/, a.txt"
    assert files.list_dir(home, "Downloads") == "(empty)"
    with pytest.raises(ActionError, match=r"'a.txt' is a file; list_dir needs a folder"):
        files.list_dir(home, "a.txt")


def test_reading_shows_text_and_cuts_what_is_long(home: Workspace) -> None:
    assert files.read_file(home, "Documents/b.txt") == "two"
    (home.root / "long").write_text("a" + "é" * 10_000)
    assert files.read_file(home, "long") == "a" + "é" * 3_999 + "... (20001 bytes in all)"
    (home.root / "edge").write_text("é" * 4_000)
    assert files.read_file(home, "edge") == "é" * 4_000
    for name, content in [("bad", b"\xff\xfe"), ("cut", "é".encode()[:1])]:
        (home.root / name).write_bytes(content)
        with pytest.raises(ActionError, match=f"'{name}' is not a text file"):
            files.read_file(home, name)
    with pytest.raises(ActionError, match="'Documents' is a folder; read_file needs a file"):
        files.read_file(home, "Documents")


def test_writing_makes_and_replaces(home: Workspace) -> None:
    assert files.write_file(home, "new", "ü") == "wrote 2 bytes"
    assert files.write_file(home, "a.txt", "") == "wrote 0 bytes"
    assert (home.root / "new").read_text() == "ü"
    assert (home.root / "a.txt").read_text() == ""
    with pytest.raises(ActionError, match="'Documents' is a folder"):
        files.write_file(home, "Documents", "x")
    with pytest.raises(ActionError, match="folder 'no' does not exist"):
        files.write_file(home, "no/x", "x")


def test_moving_renames_or_puts_into_a_folder(home: Workspace) -> None:
    assert files.move(home, "a.txt", "c.txt") == "moved to c.txt"
    assert files.move(home, "c.txt", "Documents") == "moved to Documents/c.txt"
    assert files.move(home, "Documents", "Docs") == "moved to Docs"
    assert sorted(path.name for path in (home.root / "Docs").iterdir()) == ["b.txt", "c.txt"]


@pytest.mark.parametrize(
    ("path", "to", "reason"),
    [
        ("no", "x", "'no' does not exist"),
        ("a.txt", "no/", "folder 'no/' does not exist"),
        ("a.txt", "no/x", "folder 'no' does not exist"),
        ("a.txt", "Documents/b.txt", "'Documents/b.txt' exists already"),
        ("a.txt", "a.txt", "'a.txt' exists already"),
        ("Documents", "Documents", "'Documents' cannot be moved into itself"),
        ("Documents", "Documents/x", "'Documents' cannot be moved into itself"),
        (".", "x", "the home folder cannot be moved"),
        ("a.txt", "/tmp/x", "must stay inside the home folder"),
        ("../a", "x", "must stay inside the home folder"),
    ],
)
def test_moves_that_make_no_sense_are_refused(
    home: Workspace, path: str, to: str, reason: str
) -> None:
    with pytest.raises(ActionError, match=reason):
        files.move(home, path, to)
    assert home.listing() == ("Documents/", "Documents/b.txt", "Downloads/", "a.txt")


def test_copying_takes_files_only(home: Workspace) -> None:
    assert files.copy(home, "a.txt", "Documents") == "copied to Documents/a.txt"
    assert files.copy(home, "a.txt", "c.txt") == "copied to c.txt"
    assert (home.root / "c.txt").read_text() == "one"
    with pytest.raises(ActionError, match="'Documents' is a folder; copy needs a file"):
        files.copy(home, "Documents", "x")
    with pytest.raises(ActionError, match=r"'c.txt' exists already"):
        files.copy(home, "a.txt", "c.txt")


def test_deleting_takes_files_and_empty_folders(home: Workspace) -> None:
    with pytest.raises(ActionError, match="folder 'Documents' is not empty"):
        files.delete(home, "Documents")
    assert files.delete(home, "Documents/b.txt") == "deleted Documents/b.txt"
    assert files.delete(home, "Documents") == "deleted Documents"
    for path, reason in [(".", "the home folder cannot be deleted"), ("no", "does not exist")]:
        with pytest.raises(ActionError, match=reason):
            files.delete(home, path)


def test_making_a_folder_needs_its_parent(home: Workspace) -> None:
    assert files.make_dir(home, "New") == "made New"
    for path, reason in [("New", "exists already"), ("no/x", "folder 'no' does not exist")]:
        with pytest.raises(ActionError, match=reason):
            files.make_dir(home, path)


def test_quota_stops_writes_copies_and_folders(
    home: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cairn.sandbox.workspace.MAX_BYTES", 9)
    files.write_file(home, "c", "abc")
    home.record_changes(EventLog())
    with pytest.raises(ActionError, match="the home folder is full"):
        files.write_file(home, "d", "x")
    with pytest.raises(ActionError, match="the home folder is full"):
        files.copy(home, "a.txt", "d")
    monkeypatch.setattr("cairn.sandbox.workspace.MAX_FILES", 5)
    with pytest.raises(ActionError, match="the home folder is full"):
        files.make_dir(home, "d")


_parts = st.sampled_from(
    ["", ".", "..", "~", "a", "home", "agent", "etc", "Documents", "link", " "]
)
_paths = st.lists(_parts | st.text(max_size=8), max_size=8).map("/".join) | st.text(max_size=30)


@given(path=_paths, to=_paths)
def test_no_path_leads_out_of_the_home_folder(path: str, to: str) -> None:
    outer = Path(tempfile.mkdtemp(prefix="outside-"))
    home = Workspace(outer / "home")
    home.root.mkdir()
    (home.root / "a").write_text("a")
    (outer / "kept").write_text("kept")
    (home.root / "link").symlink_to(outer)
    try:
        acts: list[Callable[[], object]] = [
            lambda: files.write_file(home, path, "x"),
            lambda: files.make_dir(home, path),
            lambda: files.copy(home, "a", path),
            lambda: files.move(home, path, to),
            lambda: files.delete(home, path),
            lambda: files.list_dir(home, path),
            lambda: files.read_file(home, path),
        ]
        for act in acts:
            # A NUL or half a character is a ValueError; parsing keeps both away.
            with contextlib.suppress(ActionError, OSError, ValueError):
                act()
        assert sorted(entry.name for entry in outer.iterdir()) == ["home", "kept"]
        assert (outer / "kept").read_text() == "kept"
    finally:
        shutil.rmtree(outer)
