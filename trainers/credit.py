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
    return_G = [trajectory.episode_return for trajectory in group]
    reward_GT = [[turn.reward for turn in trajectory.turns] for trajectory in group]
    to_go_GT = [returns_to_go(rewards, discount=algorithm.discount) for rewards in reward_GT]
    if algorithm.credit is Credit.TURN:
        return turn_advantages(to_go_GT, algorithm.baseline)
    weight = 1.0
    local_GT = [[0.0] * len(rewards) for rewards in reward_GT]
    if algorithm.credit is Credit.ANCHOR:
        weight = algorithm.episode_weight
        local_GT = anchor_advantages(
            [[_state(trajectory, t) for t in range(len(trajectory.turns))] for trajectory in group],
            [[turn.decision.action for turn in trajectory.turns] for trajectory in group],
            to_go_GT,
        )
    whole_G = group_advantages(return_G, algorithm.baseline)
    return [
        [weight * whole + local for local in locals_T]
        for whole, locals_T in zip(whole_G, local_GT, strict=True)
    ]


def _state(trajectory: Trajectory, turn: int) -> tuple[str, str, tuple[int, ...]]:
    """Return what must be equal for two turns to face the same choice.

    The prompt too: it shows results that the state hash leaves out, and the last action.
    """
    at = trajectory.turns[turn]
    return at.observation.state_hash, at.observation.result, at.decision.prompt_ids
