import json
from pathlib import Path

import pytest

from cairn.agents.evaluation import (
    Comparison,
    Evaluation,
    Result,
    compare,
    gate_cases,
    read_results,
    result_case,
    result_of,
    summaries,
    summarize,
    write_results,
)
from cairn.agents.junit import Outcome
from cairn.agents.statistics import Interval
from cairn.sandbox.errors import ConfigError
from tests.agents.trajectories import trajectory


def result(
    seed: int, is_success: bool | None, *, task: str = "lab-v1", episode_return: float = 0.5
) -> Result:
    is_void = is_success is None
    return Result(
        task=task,
        seed=seed,
        is_success=is_success,
        episode_return=None if is_void else episode_return,
        num_steps=4,
        void="browser: gone" if is_void else None,
        wall_s=0.5,
    )


def test_a_result_says_how_its_episode_came_out() -> None:
    assert result_of(trajectory(num_steps=2)) == Result(
        task="lab-v1",
        seed=7,
        is_success=True,
        episode_return=1.0,
        num_steps=2,
        void=None,
        wall_s=0.125,
    )


def test_a_void_episode_has_no_return_even_if_it_was_paid_before() -> None:
    voided = result_of(trajectory(num_steps=2, void="browser: gone"))

    assert (voided.is_success, voided.episode_return) == (None, None)
    assert voided.void == "browser: gone"


def test_void_results_are_counted_and_left_out_of_every_mean() -> None:
    results = [
        result(1, is_success=True, episode_return=1.0),
        result(2, is_success=False, episode_return=0.25),
        result(3, is_success=None),
    ]

    summary = summarize("all", results)

    assert (summary.num_valid, summary.num_success, summary.num_void) == (2, 1, 1)
    assert summary.success == 0.5
    assert summary.mean_return == 0.625
    assert summary.mean_steps == 4.0
    # Wilson, 1 of 2: centre 0.5, half width 1.96 * sqrt(1/8 + 3.8415/16) / 2.9207
    assert summary.interval.low == pytest.approx(0.0945, abs=1e-4)


def test_without_valid_results_nothing_is_known() -> None:
    summary = summarize("all", [result(1, is_success=None)])

    assert (summary.success, summary.mean_return, summary.mean_steps) == (None, None, None)
    assert summary.interval == Interval(low=0.0, high=1.0)


def test_summaries_are_those_of_each_task_and_then_of_all() -> None:
    results = [
        result(1, is_success=True, task="b-v1"),
        result(1, is_success=False, task="a-v1"),
        result(2, is_success=True, task="b-v1"),
    ]

    assert [(s.name, s.num_success, s.num_valid) for s in summaries(results)] == [
        ("b-v1", 2, 2),
        ("a-v1", 0, 1),
        ("all", 2, 3),
    ]


def test_comparison_pairs_instances_and_drops_what_is_void_or_missing() -> None:
    old = [result(1, False), result(2, True), result(3, True), result(4, None), result(5, True)]
    new = [result(1, True), result(2, True), result(3, False), result(4, True), result(5, None)]

    comparison = compare([*new, result(6, True)], old)

    assert (comparison.num_pairs, comparison.num_unpaired) == (3, 3)
    assert comparison.difference == 0.0  # one gained, one kept, one lost
    assert comparison.gained == ("lab-v1 seed 1",)
    assert comparison.lost == ("lab-v1 seed 3",)
    assert comparison.interval.low < 0 < comparison.interval.high
    assert not comparison.is_regression


def test_a_fall_on_most_instances_is_a_regression() -> None:
    old = [result(seed, True) for seed in range(20)]
    new = [result(seed, seed >= 15) for seed in range(20)]

    comparison = compare(new, old)

    assert comparison.difference == -0.75
    assert comparison.is_regression


def test_runs_without_a_common_instance_cannot_be_compared() -> None:
    with pytest.raises(ConfigError, match="no valid instance in common"):
        compare([result(1, True)], [result(2, True)])


def _evaluation(*results: Result) -> Evaluation:
    return Evaluation(agent="oracle", suite="demo", split="test-seeds", results=results)


def test_results_are_read_back_from_the_file_and_from_its_folder(tmp_path: Path) -> None:
    evaluation = _evaluation(result(1, True), result(2, None))

    path = write_results(tmp_path, evaluation)

    assert read_results(path) == evaluation
    assert read_results(tmp_path) == evaluation
    assert json.loads(path.read_text())["schema_version"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 2}, "schema_version must be 1, got 2"),
        ({"surprise": 1}, "surprise: Unexpected keyword argument"),
        ({"results": [{"task": "t"}]}, r"results\.0\.seed: Field required"),
    ],
)
def test_results_of_another_form_are_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    path = write_results(tmp_path, _evaluation(result(1, True)))
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))

    with pytest.raises(ConfigError, match=message):
        read_results(path)


def test_results_that_cannot_be_read_or_written_are_one_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_results(tmp_path / "none.json")
    with pytest.raises(ConfigError, match="No such file"):
        write_results(tmp_path / "none", _evaluation())


@pytest.mark.parametrize(
    ("is_success", "outcome", "message"),
    [
        (True, Outcome.PASSED, ""),
        (False, Outcome.SKIPPED, "not solved; return 0.5"),
        (None, Outcome.ERROR, "void: browser: gone"),
    ],
)
def test_an_unsolved_instance_is_no_broken_build(
    is_success: bool | None, outcome: Outcome, message: str
) -> None:
    case = result_case(result(3, is_success))

    assert (case.group, case.name) == ("lab-v1", "seed 3")
    assert (case.outcome, case.message) == (outcome, message)


def _compared(high: float) -> Comparison:
    return Comparison(
        num_pairs=10,
        num_unpaired=0,
        difference=-0.3,
        interval=Interval(low=-0.5, high=high),
        gained=(),
        lost=(),
    )


def test_gates_fail_with_their_figures() -> None:
    overall = summarize("all", [result(1, True), result(2, False)])

    gates = gate_cases(overall, fail_under=0.75, comparison=_compared(high=-0.1))

    assert [(gate.name, gate.outcome, gate.message) for gate in gates] == [
        ("fail-under", Outcome.FAILED, "success 50.0% is under 75.0%"),
        ("no-regression", Outcome.FAILED, "success fell by 30.0% against the baseline"),
    ]


def test_gates_pass_at_the_bound_and_when_the_interval_reaches_0() -> None:
    overall = summarize("all", [result(1, True), result(2, False)])

    gates = gate_cases(overall, fail_under=0.5, comparison=_compared(high=0.0))

    assert [gate.outcome for gate in gates] == [Outcome.PASSED, Outcome.PASSED]


def test_no_gates_are_set_unless_asked_for_but_void_runs_never_pass() -> None:
    valid, void = summarize("all", [result(1, True)]), summarize("all", [result(1, None)])

    assert gate_cases(valid, fail_under=None, comparison=None) == []
    (gate, under) = gate_cases(void, fail_under=0.0, comparison=None)
    assert (gate.name, gate.outcome) == ("valid-episodes", Outcome.FAILED)
    assert under.message == "success unknown is under 0.0%"
