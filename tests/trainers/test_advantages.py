import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.trainers.advantages import (
    Baseline,
    anchor_advantages,
    group_advantages,
    returns_to_go,
    turn_advantages,
)

EIGHT = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]
RETURNS = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.75]), min_size=2, max_size=8)


def test_standardised_advantages_use_the_population_deviation() -> None:
    advantages = group_advantages(EIGHT, Baseline.STANDARDISED, eps=0.0)
    assert advantages[0] == pytest.approx(1.732051, abs=1e-6)
    assert advantages[1] == pytest.approx(-0.577350, abs=1e-6)


def test_the_mean_baseline_keeps_the_scale() -> None:
    assert group_advantages(EIGHT, Baseline.MEAN)[:2] == [0.75, -0.25]


def test_leave_one_out_compares_with_the_others() -> None:
    # 1 - 1/7 and 0 - 2/7
    advantages = group_advantages(EIGHT, Baseline.LEAVE_ONE_OUT)
    assert advantages[:2] == pytest.approx([6 / 7, -2 / 7])


def test_equal_returns_have_no_advantage_and_no_nan() -> None:
    for baseline in (Baseline.MEAN, Baseline.LEAVE_ONE_OUT, Baseline.STANDARDISED):
        assert group_advantages([0.1 + 0.2] * 3, baseline) == [0.0, 0.0, 0.0]


def test_a_group_of_one_has_no_baseline() -> None:
    with pytest.raises(ValueError, match="at least 2, got 1"):
        group_advantages([1.0], Baseline.MEAN)
    assert group_advantages([1.0], Baseline.NONE) == [1.0]


@given(RETURNS, st.floats(0.5, 4.0), st.floats(-2.0, 2.0))
def test_standardised_advantages_ignore_scale_and_shift(
    returns: list[float], scale: float, shift: float
) -> None:
    moved = [scale * value + shift for value in returns]
    before = group_advantages(returns, Baseline.STANDARDISED, eps=0.0)
    after = group_advantages(moved, Baseline.STANDARDISED, eps=0.0)
    if len(set(returns)) > 1:
        assert after == pytest.approx(before, abs=1e-6)
    assert sum(before) == pytest.approx(0.0, abs=1e-9)


def test_returns_to_go_sum_what_follows() -> None:
    assert returns_to_go([0.0, 0.25, 0.0, 1.0], discount=1.0) == [1.25, 1.25, 1.0, 1.0]
    assert returns_to_go([1.0, 2.0, 4.0], discount=0.5) == [3.0, 4.0, 4.0]


def test_turn_advantages_compare_turns_of_the_same_number() -> None:
    # Turn 0: 1 and 0, mean 0.5. Turn 1: 1 and, ended, 0.
    assert turn_advantages([[1.0, 1.0], [0.0]], Baseline.MEAN) == [[0.5, 0.5], [-0.5]]


def test_anchor_advantages_compare_choices_in_one_state() -> None:
    # Choice x returned 1 and 0 (0.5 on average), choice y 0; the state's mean is 1/3.
    advantages = anchor_advantages(
        [["s", "a"], ["s", "b"], ["s"]],
        [["x", "q"], ["x", "q"], ["y"]],
        [[1.0, 1.0], [0.0, 0.0], [0.0]],
    )
    assert advantages[0] == pytest.approx([0.5 - 1 / 3, 0.0])
    assert advantages[1] == pytest.approx([0.5 - 1 / 3, 0.0])
    assert advantages[2] == pytest.approx([-1 / 3])


def test_anchor_advantages_are_exactly_zero_where_all_chose_alike() -> None:
    states, actions = [["s"], ["s"], ["s"]], [["x"], ["x"], ["x"]]
    assert anchor_advantages(states, actions, [[0.1], [0.7], [0.3]]) == [[0.0], [0.0], [0.0]]


def test_standardised_anchor_advantages_have_the_deviation_of_their_state_as_unit() -> None:
    # Averaged by choice: 0.5, 0.5, 0; mean 1/3, population deviation sqrt(2) / 6.
    advantages = anchor_advantages(
        [["s"], ["s"], ["s"]], [["x"], ["x"], ["y"]], [[1.0], [0.0], [0.0]], Baseline.STANDARDISED
    )
    assert advantages == [[pytest.approx(0.7071, abs=1e-4)]] * 2 + [[pytest.approx(-1.4142, 1e-4)]]
