"""How good was an action, compared with what else was tried on the same instance.

Axes: G episodes of one instance, T turns of an episode (ragged lists).
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from enum import StrEnum
from statistics import fmean, pstdev

STD_EPS = 1e-6


class Baseline(StrEnum):
    """What a return is compared with."""

    NONE = "none"
    MEAN = "mean"
    LEAVE_ONE_OUT = "leave-one-out"
    STANDARDISED = "standardised"


class Credit(StrEnum):
    """Which reward an action answers for."""

    TRAJECTORY = "trajectory"
    TURN = "turn"
    ANCHOR = "anchor"


def group_advantages(
    return_G: Sequence[float], baseline: Baseline, *, eps: float = STD_EPS
) -> list[float]:
    """Score each episode of a group against its group.

    Args:
        return_G: Return of each episode, G >= 1; G >= 2 unless the baseline is `none`.
        baseline: `none` returns the returns; `mean` subtracts the group's mean (Dr. GRPO,
            arXiv:2503.20783); `leave-one-out` the mean of the others (RLOO, arXiv:2402.14740);
            `standardised` divides by the population deviation too (GRPO, arXiv:2402.03300, 4.1.2).
        eps: Added to the deviation; same unit as the returns.

    Returns:
        One advantage for each; exactly 0 where all returns are equal.

    Raises:
        ValueError: If a baseline is asked of a group of one: it would silently be the raw return.
    """
    if baseline is Baseline.NONE:
        return list(return_G)
    if len(return_G) < 2:
        raise ValueError(f"a {baseline} baseline needs a group of at least 2, got {len(return_G)}")
    if max(return_G) == min(return_G):
        return [0.0] * len(return_G)
    mean = fmean(return_G)
    centred_G = [value - mean for value in return_G]
    if baseline is Baseline.MEAN:
        return centred_G
    if baseline is Baseline.LEAVE_ONE_OUT:
        scale = len(return_G) / (len(return_G) - 1)
        return [value * scale for value in centred_G]
    deviation = pstdev(return_G, mean)
    return [value / (deviation + eps) for value in centred_G]


def returns_to_go(reward_T: Sequence[float], *, discount: float) -> list[float]:
    """Return the discounted sum of rewards from each turn on: `G_t = r_t + discount * G_t+1`."""
    return_T: list[float] = []
    value = 0.0
    for reward in reversed(reward_T):
        value = reward + discount * value
        return_T.append(value)
    return return_T[::-1]


def turn_advantages(
    return_GT: Sequence[Sequence[float]], baseline: Baseline, *, eps: float = STD_EPS
) -> list[list[float]]:
    """Score each turn's return-to-go against that of the group's other episodes at that turn.

    An episode that has ended counts with a return-to-go of 0.
    """
    num_turns = max(map(len, return_GT))
    columns = [[row[t] if t < len(row) else 0.0 for row in return_GT] for t in range(num_turns)]
    scored = [group_advantages(column, baseline, eps=eps) for column in columns]
    return [[scored[t][g] for t in range(len(row))] for g, row in enumerate(return_GT)]


def anchor_advantages(
    state_GT: Sequence[Sequence[Hashable]],
    action_GT: Sequence[Sequence[Hashable]],
    return_GT: Sequence[Sequence[float]],
    baseline: Baseline = Baseline.MEAN,
    *,
    eps: float = STD_EPS,
) -> list[list[float]]:
    """Score each action against the others taken in the same state anywhere in the group.

    The anchor groups of GiGPO (arXiv:2505.10978, section 4.2: steps of a group that share a state),
    with one change: the returns of equal actions in a state are averaged first. The environments
    are deterministic, so what happened later to two equal choices is noise to the choice; where all
    chose alike, the advantage is exactly 0.

    Args:
        state_GT: State before each action.
        action_GT: The actions.
        return_GT: Return-to-go from each action on.
        baseline: `standardised` divides by the population deviation of the state's averaged
            returns, as GiGPO does; any other leaves their unit.
        eps: Added to the deviation; same unit as the returns.
    """
    of_state: dict[Hashable, list[tuple[Hashable, float]]] = defaultdict(list)
    for states, actions, returns in zip(state_GT, action_GT, return_GT, strict=True):
        for state, action, value in zip(states, actions, returns, strict=True):
            of_state[state].append((action, value))
    advantage_of: dict[tuple[Hashable, Hashable], float] = {}
    for state, taken in of_state.items():
        of_action: dict[Hashable, list[float]] = defaultdict(list)
        for action, value in taken:
            of_action[action].append(value)
        averaged = [fmean(of_action[action]) for action, _ in taken]
        mean = fmean(averaged)
        scale = pstdev(averaged, mean) + eps if baseline is Baseline.STANDARDISED else 1.0
        for (action, _), value in zip(taken, averaged, strict=True):
            advantage_of[state, action] = (value - mean) / scale if len(of_action) > 1 else 0.0
    return [
        [advantage_of[state, action] for state, action in zip(states, actions, strict=True)]
        for states, actions in zip(state_GT, action_GT, strict=True)
    ]
