"""Names to tasks, and which seeds are for what."""

import pytest

from cairn.envs.registry import SUITES, Split, find_task, find_tasks, parse_seeds, split_seed
from cairn.envs.tasks import TASKS
from cairn.sandbox.errors import ConfigError, UnknownNameError


def test_tasks_are_found_by_id_with_or_without_the_namespace() -> None:
    assert find_task("file-export-v1") is TASKS["file-export-v1"]
    assert find_task("cairn/file-export-v1") is TASKS["file-export-v1"]


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="no task named 'file-exprt-v1'; did you mean 'file"):
        find_task("file-exprt-v1")
    with pytest.raises(UnknownNameError, match="no suite named 'dmo'; did you mean 'demo'"):
        find_tasks([], suite="dmo")
    with pytest.raises(UnknownNameError, match="no suite named 'zzz'; known: demo, milestone"):
        find_tasks([], suite="zzz")


def test_suite_is_taken_whole_unless_tasks_are_named() -> None:
    assert [task.id for task in find_tasks([], suite="demo")] == list(SUITES["demo"])
    assert [task.id for task in find_tasks(["search-open-v1"], suite="demo")] == ["search-open-v1"]
    assert len(SUITES["demo"]) == 6


def test_splits_do_not_share_seeds() -> None:
    assert split_seed(Split.TRAIN, 0) == 0
    assert split_seed(Split.TRAIN, 2**20 - 1) == 1_048_575
    assert split_seed(Split.TEST_SEEDS, 0) == 1_048_576
    assert split_seed(Split.TEST_SEEDS, 2**20 - 1) == 2_097_151
    for index in (-1, 2**20):
        with pytest.raises(ConfigError, match="has seeds 0 to 1048575"):
            split_seed(Split.TRAIN, index)


def test_seed_ranges_are_half_open_and_count_from_the_split() -> None:
    assert parse_seeds("0:3", Split.TRAIN) == [0, 1, 2]
    assert parse_seeds("2:4", Split.TEST_SEEDS) == [1_048_578, 1_048_579]


@pytest.mark.parametrize("text", ["", "3", "3:3", "4:3", "a:b", ":3", "1:", "-1:2", "1:2:3"])
def test_bad_seed_ranges_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="write A:B with A < B, such as 0:10"):
        parse_seeds(text, Split.TRAIN)


def test_seed_range_past_the_split_is_refused() -> None:
    with pytest.raises(ConfigError, match="has seeds 0 to 1048575"):
        parse_seeds("0:1048577", Split.TRAIN)
