"""What a task sets up before a browser exists."""

import sqlite3
import threading

import pytest

from cairn.envs.world import World
from cairn.sandbox.errors import TaskError, UnknownNameError


def test_site_is_made_once_with_its_tables() -> None:
    world = World()
    mail = world.site("mail")
    assert world.site("mail") is mail
    assert mail.execute("SELECT COUNT(*) FROM messages").fetchone()[0] == 0
    assert list(world.databases) == ["mail"]
    world.close()


def test_worlds_do_not_share_state_and_can_be_used_from_another_thread() -> None:
    first, second = World(), World()
    insert = "INSERT INTO exports (name, format, content) VALUES ('a', 'csv', 'x')"
    worker = threading.Thread(target=lambda: first.site("drive").execute(insert))
    first.site("drive")
    worker.start()
    worker.join()
    count = "SELECT COUNT(*) FROM exports"
    assert first.site("drive").execute(count).fetchone()[0] == 1
    assert second.site("drive").execute(count).fetchone()[0] == 0
    first.close()
    second.close()


def test_closed_world_has_closed_databases() -> None:
    world = World()
    database = world.site("mail")
    world.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        database.execute("SELECT 1")


def test_unknown_site_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="no site named 'mial'; did you mean 'mail'"):
        World().site("mial")


def test_files_and_folders_are_relative_to_the_home_folder() -> None:
    world = World()
    world.write_file("Documents/./a.txt", "ü")
    world.write_file("b.bin", b"\xff")
    world.make_dir("Sales/")
    assert world.files == {"Documents/a.txt": b"\xc3\xbc", "b.bin": b"\xff"}
    assert world.folders == ["Sales"]


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", "", "."])
def test_paths_that_leave_the_home_folder_are_refused(path: str) -> None:
    reason = "must be relative to the home folder and stay in it"
    with pytest.raises(TaskError, match=reason):
        World().write_file(path, "")
    with pytest.raises(TaskError, match=reason):
        World().make_dir(path)
