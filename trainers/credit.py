"""From a group of episodes to one advantage a turn.

Axes: G episodes of one instance, T turns (ragged).
"""

from collections.abc import Sequence

from cairn.agents.trajectory import Trajectory
from cairn.trainers.advantages import (
    Credit,
    anchor_advantages,
    group_advantages,
    returns_to_go,
    turn_advantages,
)
from cairn.trainers.algorithm import Algorithm


def group_credit(group: Sequence[Trajectory], algorithm: Algorithm) -> list[list[float]]:
    """Return the advantage of each turn of each episode, as the algorithm says."""
    reward_GT = [_rewards(trajectory, algorithm.success_reward) for trajectory in group]
    return_G = [sum(rewards) for rewards in reward_GT]
    to_go_GT = [returns_to_go(rewards, discount=algorithm.discount) for rewards in reward_GT]
    if algorithm.credit is Credit.TURN:
        return _weighted(turn_advantages(to_go_GT, algorithm.baseline), algorithm)
    weight = 1.0
    local_GT = [[0.0] * len(rewards) for rewards in reward_GT]
    if algorithm.credit is Credit.ANCHOR:
        weight = algorithm.episode_weight
        local_GT = anchor_advantages(
            [[_state(trajectory, t) for t in range(len(trajectory.turns))] for trajectory in group],
            [[turn.decision.action for turn in trajectory.turns] for trajectory in group],
            to_go_GT,
            algorithm.baseline,
        )
    whole_G = group_advantages(return_G, algorithm.baseline)
    advantage_GT = [
        [weight * whole + local for local in locals_T]
        for whole, locals_T in zip(whole_G, local_GT, strict=True)
    ]
    return _weighted(advantage_GT, algorithm)


def differs(group: Sequence[Trajectory], algorithm: Algorithm) -> bool:
    """Return whether the episodes of a group earned different returns: then it can teach."""
    return len({sum(_rewards(member, algorithm.success_reward)) for member in group}) > 1


def _weighted(advantage_GT: list[list[float]], algorithm: Algorithm) -> list[list[float]]:
    return [[a if a > 0 else a * algorithm.negative_weight for a in row] for row in advantage_GT]


def _rewards(trajectory: Trajectory, success_reward: float) -> list[float]:
    rewards = [turn.reward for turn in trajectory.turns]
    if trajectory.is_success and rewards:
        rewards[-1] += success_reward
    return rewards


def _state(trajectory: Trajectory, turn: int) -> tuple[str, str, tuple[int, ...]]:
    """Return what must be equal for two turns to face the same choice.

    The prompt too: it shows results that the state hash leaves out, and the last action.
    """
    at = trajectory.turns[turn]
    return at.observation.state_hash, at.observation.result, at.decision.prompt_ids
