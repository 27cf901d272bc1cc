"""The home folder: what is in it, what changed, and that nothing leads out of it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cairn.sandbox.errors import ActionError, Boundary, SandboxError
from cairn.sandbox.events import EventKind, EventLog, Json
from cairn.sandbox.workspace import MAX_BYTES, MAX_FILES, FileState, Workspace, check_quota

A_SHA = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
B_SHA = "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"


@pytest.fixture
def home() -> Iterator[Workspace]:
    home = Workspace.create({"Documents/a.txt": b"a"}, ["Sales"])
    yield home
    home.close()


def changes(home: Workspace) -> list[tuple[str, dict[str, Json]]]:
    log = EventLog()
    home.record_changes(log)
    return [(event.kind, event.data) for event in log.events]


def test_home_begins_with_its_folders_and_files(home: Workspace) -> None:
    assert home.listing() == ("Documents/", "Documents/a.txt", "Downloads/", "Sales/")
    assert home.file_state("Documents/a.txt") == FileState(1, A_SHA)
    assert home.file_state("Sales") is None
    assert changes(home) == []


def test_changes_are_events_in_order_of_path(home: Workspace) -> None:
    (home.root / "Sales/b.txt").write_bytes(b"b")
    (home.root / "Documents/a.txt").write_bytes(b"b")
    assert changes(home) == [
        (EventKind.FILE_MODIFIED, {"path": "Documents/a.txt", "size": 1, "sha256": B_SHA}),
        (EventKind.FILE_CREATED, {"path": "Sales/b.txt", "size": 1, "sha256": B_SHA}),
        (EventKind.DIRECTORY_UPDATED, {"path": "Sales"}),
    ]
    (home.root / "Sales/b.txt").rename(home.root / "c.txt")
    (home.root / "New").mkdir()
    assert changes(home) == [
        (EventKind.FILE_DELETED, {"path": "Sales/b.txt"}),
        (EventKind.FILE_CREATED, {"path": "c.txt", "size": 1, "sha256": B_SHA}),
        (EventKind.DIRECTORY_UPDATED, {"path": "."}),
        (EventKind.DIRECTORY_UPDATED, {"path": "Sales"}),
    ]


def test_change_within_the_grain_of_the_clock_is_seen(home: Workspace) -> None:
    file = home.root / "Documents/a.txt"
    for number in range(50):
        file.write_bytes(b"%02d" % number)
        assert [kind for kind, _ in changes(home)] == [EventKind.FILE_MODIFIED]
    file.write_bytes(b"49")
    assert changes(home) == []


def test_digest_is_that_of_names_and_contents(home: Workspace) -> None:
    other = Workspace.create({"Documents/a.txt": b"a"}, ["Sales"])
    first = home.digest()
    assert other.digest() == first
    (other.root / "Documents/a.txt").rename(other.root / "Documents/b.txt")
    changes(other)
    assert other.digest() != first
    other.close()


@pytest.mark.parametrize(
    ("path", "real"),
    [
        ("a", "a"),
        ("./a", "a"),
        ("~/a", "a"),
        ("/home/agent/a/b", "a/b"),
        (".", ""),
        ("~/", ""),
        ("~", ""),
        ("/home/agent//etc", "etc"),
        ("/home/agent", ""),
        ("/home/agent/", ""),
        ("Documents/", "Documents"),
    ],
)
def test_paths_are_relative_to_the_home_folder(home: Workspace, path: str, real: str) -> None:
    assert home.resolve(path) == home.root / real


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "..", "a/../..", "~/../x", "/home/agent/../x", "//home/agent"]
)
def test_paths_that_leave_the_home_folder_are_refused(home: Workspace, path: str) -> None:
    with pytest.raises(ActionError, match="must stay inside the home folder"):
        home.resolve(path)


def test_symbolic_links_are_shown_but_not_followed(home: Workspace, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (home.root / "out").symlink_to(tmp_path)
    (home.root / "file").symlink_to(tmp_path / "secret")
    for path in ("out", "out/secret", "file"):
        with pytest.raises(ActionError, match="symbolic links are not followed"):
            home.resolve(path)
    assert [data["path"] for _, data in changes(home)] == ["file", "out", "."]
    assert {"file", "out"} < set(home.listing())
    assert not any(name.startswith("out/") for name in home.listing())
    home.close()
    assert (tmp_path / "secret").exists()


def test_names_may_be_as_long_as_the_file_system_allows(home: Workspace) -> None:
    assert home.resolve("ü" * 127).name == "ü" * 127
    with pytest.raises(ActionError, match="a name may have 255 bytes"):
        home.resolve("ü" * 128)


def test_quota_counts_bytes_and_entries(home: Workspace) -> None:
    check_quota(home, MAX_BYTES - 1)
    with pytest.raises(ActionError, match="at most 64 MiB and 2000 entries"):
        check_quota(home, MAX_BYTES)
    for number in range(MAX_FILES - 4):
        (home.root / "Sales" / str(number)).touch()
    changes(home)
    with pytest.raises(ActionError, match="the home folder is full"):
        check_quota(home, 0)


def test_home_that_cannot_be_made_is_void_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(SandboxError, match="cannot make the workspace") as caught:
        Workspace.create({"n" * 300: b""}, [])
    assert caught.value.boundary is Boundary.WORKSPACE
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(SandboxError, match="cannot make the workspace"):
        Workspace.create({}, [])


def test_home_that_has_gone_is_void(home: Workspace) -> None:
    home.close()
    with pytest.raises(SandboxError, match="cannot read the workspace"):
        changes(home)
