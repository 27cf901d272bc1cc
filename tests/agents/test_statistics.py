import pytest

from cairn.agents.statistics import Interval, paired_bootstrap, wilson_interval


@pytest.mark.parametrize(
    ("num_successes", "num_trials", "low", "high"),
    [
        # z^2 = 3.841459: centre (0.8 + 0.192073) / 1.384146, half width 0.313619 / 1.384146
        (8, 10, 0.490162, 0.943318),
        (0, 10, 0.0, 3.841459 / 13.841459),
        (3, 3, 3 / 6.841459, 1.0),
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilson_interval_of_hand_worked_cases(
    num_successes: int, num_trials: int, low: float, high: float
) -> None:
    interval = wilson_interval(num_successes, num_trials)

    assert interval.low == pytest.approx(low, abs=1e-5)
    assert interval.high == pytest.approx(high, abs=1e-5)


def test_wilson_interval_mirrors_when_success_and_failure_are_exchanged() -> None:
    one, other = wilson_interval(13, 60), wilson_interval(47, 60)

    assert one.low == pytest.approx(1 - other.high)
    assert one.high == pytest.approx(1 - other.low)


def test_bootstrap_of_equal_differences_is_that_difference() -> None:
    assert paired_bootstrap([0.5] * 7) == Interval(low=0.5, high=0.5)


def test_bootstrap_of_two_pairs_reaches_both() -> None:
    # The means 0, 0.5 and 1 have probabilities 1/4, 1/2 and 1/4: both ends are beyond 2.5 %.
    assert paired_bootstrap([1, 0]) == Interval(low=0.0, high=1.0)


def test_bootstrap_width_is_that_of_the_normal_approximation() -> None:
    # 20 of 100 pairs gained: mean 0.2, deviation sqrt(0.2 * 0.8 / 100) = 0.04, so 0.2 -+ 0.078.
    interval = paired_bootstrap([1] * 20 + [0] * 80)

    assert interval.low == pytest.approx(0.122, abs=0.012)
    assert interval.high == pytest.approx(0.278, abs=0.012)


def test_bootstrap_repeats_for_a_seed_and_ignores_the_order() -> None:
    assert paired_bootstrap([1, 0, -1, 1], seed=3) == paired_bootstrap([1, 1, 0, -1], seed=3)


def test_bootstrap_needs_a_pair() -> None:
    with pytest.raises(ValueError, match="at least one pair"):
        paired_bootstrap([])
