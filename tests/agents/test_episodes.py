import json
from dataclasses import replace
from pathlib import Path

import pytest

from cairn.agents.episodes import read_episode, read_run, task_hash, write_episode
from cairn.agents.trajectory import Trajectory
from cairn.envs.tasks import TASKS
from cairn.sandbox.errors import ConfigError
from tests.agents.trajectories import event, trajectory

TASK = TASKS["search-open-v1"]


def _write(run: Path, made: Trajectory) -> Path:
    return write_episode(run, made, task=TASK, agent="oracle")


def test_an_episode_is_read_back_as_it_was(tmp_path: Path) -> None:
    made = trajectory(num_steps=3)

    path = _write(tmp_path, made)

    assert path == tmp_path / "episodes/lab-v1-7/episode.jsonl"
    episode = read_episode(path)
    assert episode.trajectory == made
    assert episode.header.agent == "oracle"
    assert episode.header.task_hash == task_hash(TASK)
    assert read_episode(path.parent) == episode


def test_records_stand_in_the_order_in_which_things_happened(tmp_path: Path) -> None:
    path = _write(tmp_path, trajectory(num_steps=1))

    records = [json.loads(line) for line in path.read_text().splitlines()]

    assert [record["record"] for record in records] == [
        "header", "step", "event", "step", "event", "payment", "end",
    ]  # fmt: skip
    assert [record.get("action") for record in records if record["record"] == "step"] == [
        None,
        "click e1",
    ]
    assert records[-1] == {
        "record": "end", "is_success": True, "void": None, "episode_return": 0.5, "wall_s": 0.125,
    }  # fmt: skip


def test_a_void_episode_keeps_its_reason_and_evidence_but_no_return(tmp_path: Path) -> None:
    made = trajectory(num_steps=1, void="browser: gone")
    made = replace(made, events=(*made.events, event(2)))

    path = _write(tmp_path, made)

    assert read_episode(path).trajectory == made
    assert json.loads(path.read_text().splitlines()[-1])["episode_return"] is None


def test_an_episode_whose_reset_failed_is_kept(tmp_path: Path) -> None:
    made = trajectory(num_steps=0, void="browser: gone")
    made = replace(made, last_observation=None, events=())

    assert read_episode(_write(tmp_path, made)).trajectory == made


def test_another_episode_of_the_instance_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    folders = [_write(tmp_path, trajectory()).parent.name for _ in range(3)]

    assert folders == ["lab-v1-7", "lab-v1-7.2", "lab-v1-7.3"]
    assert len(read_run(tmp_path)) == 3


def test_a_run_without_episodes_says_how_to_get_some(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no episodes; `cairn collect`"):
        read_run(tmp_path)


def test_a_file_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    path = _write(tmp_path, trajectory())
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))

    with pytest.raises(ConfigError, match="not written whole"):
        read_episode(path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 1: record: Invalid JSON"),
        ('{"record": "dance"}', "line 1: record: Input tag 'dance'"),
        (
            '{"record": "header", "schema_version": 9, "task": "t", "task_hash": "h", "seed": 1, '
            '"agent": "a"}',
            "line 1: header.schema_version: Input should be 1",
        ),
        (
            '{"record": "end", "is_success": true, "void": null, "episode_return": 1, "wall_s": 1,'
            ' "extra": 1}',
            "line 1: end.extra: Extra inputs are not permitted",
        ),
    ],
)
def test_a_line_that_is_no_record_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "episode.jsonl"
    path.write_text(line + "\n")

    with pytest.raises(ConfigError) as caught:
        read_episode(path)

    assert message in str(caught.value)


def test_files_that_cannot_be_read_or_written_are_one_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"episode '.*missing': No such file"):
        read_episode(tmp_path / "missing")
    (tmp_path / "latin").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="must be UTF-8"):
        read_episode(tmp_path / "latin")
    with pytest.raises(ConfigError, match=r"run folder '.*latin': Not a directory"):
        _write(tmp_path / "latin", trajectory())
