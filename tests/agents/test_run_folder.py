import json
from pathlib import Path

import pytest

from cairn.agents.run_folder import make_run_folder, write_whole
from cairn.sandbox.errors import ConfigError


@pytest.mark.browser
def test_a_new_run_folder_notes_the_versions(tmp_path: Path) -> None:
    run = make_run_folder(tmp_path / "a/b")

    versions = json.loads((run / "versions.json").read_text())
    assert set(versions) == {"cairn-gym", "playwright", "gymnasium", "numpy", "python", "chromium"}


@pytest.mark.browser
def test_a_run_folder_with_files_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("old")

    with pytest.raises(ConfigError, match="must be empty or new; name another"):
        make_run_folder(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.browser
def test_a_run_folder_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match=r"run folder '.*file/run': Not a directory"):
        make_run_folder(tmp_path / "file/run")


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")

    write_whole(path, "new")

    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]
