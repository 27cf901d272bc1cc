"""Intervals for success rates and for differences between paired runs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Z_95 = 1.959963984540054
NUM_RESAMPLES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A 95 % interval.

    Attributes:
        low: Lower end.
        high: Upper end.
    """

    low: float
    high: float


def wilson_interval(num_successes: int, num_trials: int) -> Interval:
    """Return the Wilson score interval of a success rate.

    It stays within [0, 1] and is not empty at 0 of n or n of n. Without trials it is [0, 1].

    Source: Wilson, "Probable inference" (JASA 22, 1927).
    """
    if num_trials == 0:
        return Interval(low=0.0, high=1.0)
    rate, z2 = num_successes / num_trials, Z_95**2
    shrink = 1 + z2 / num_trials
    centre = (rate + z2 / (2 * num_trials)) / shrink
    spread = rate * (1 - rate) / num_trials + z2 / (4 * num_trials**2)
    half = Z_95 * math.sqrt(spread) / shrink
    return Interval(low=max(0.0, centre - half), high=min(1.0, centre + half))


def paired_bootstrap(differences: Sequence[float], *, seed: int = 0) -> Interval:
    """Return the percentile interval of the mean of paired differences.

    Args:
        differences: One for each instance that both runs have, new minus old.
        seed: Seeds the resampling, so that a report can be repeated.

    Raises:
        ValueError: If there is no difference to resample.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
    """
    if len(differences) == 0:
        raise ValueError("differences: at least one pair is needed")
    # Equal differences are drawn together: the cost does not depend on how many pairs there are.
    values, counts = np.unique(np.asarray(differences, dtype=np.float64), return_counts=True)
    num_pairs = len(differences)
    drawn = np.random.default_rng(seed).multinomial(num_pairs, counts / num_pairs, NUM_RESAMPLES)
    low, high = np.quantile(drawn @ values / num_pairs, [0.025, 0.975])
    return Interval(low=float(low), high=float(high))
