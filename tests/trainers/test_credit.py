from collections.abc import Sequence

import pytest

from cairn.agents.agent import Decision
from cairn.agents.trajectory import Trajectory, Turn
from cairn.trainers.advantages import Baseline, Credit
from cairn.trainers.algorithm import Algorithm
from cairn.trainers.credit import differs, group_credit
from tests.trainers.tiny import observation, trajectory


def episode(*rewards: float, success: bool = False, actions: Sequence[str] = ()) -> Trajectory:
    """Return an episode; all turns see the same page, so that they are one anchor state."""
    chosen = actions or ["click e1"] * len(rewards)
    turns = [
        Turn(observation=observation(), decision=Decision(action=a), reward=r, payments=())
        for a, r in zip(chosen, rewards, strict=True)
    ]
    return trajectory(*turns, success=success)


MEAN = Algorithm(baseline=Baseline.MEAN)


def test_the_trajectorys_advantage_is_that_of_all_its_turns() -> None:
    assert group_credit([episode(0.25, 0.75), episode(0.0)], MEAN) == [[0.5, 0.5], [-0.5]]


def test_success_pays_on_top_of_the_milestones() -> None:
    # Equal milestones, one right answer: 0.5 + 1 against 0.5.
    group = [episode(0.5, success=True), episode(0.5)]
    assert group_credit(group, MEAN) == [[0.0], [0.0]]
    assert not differs(group, MEAN)
    paying = MEAN.model_copy(update={"success_reward": 1.0})
    assert group_credit(group, paying) == [[0.5], [-0.5]]
    assert differs(group, paying)


def test_success_is_paid_on_the_last_turn() -> None:
    algorithm = Algorithm(credit=Credit.TURN, baseline=Baseline.MEAN, success_reward=1.0)
    group = [episode(0.0, 0.0, success=True), episode(0.5, 0.0)]
    # To go: 1, 1 against 0.5, 0.
    assert group_credit(group, algorithm) == [[0.25, 0.5], [-0.25, -0.5]]


@pytest.mark.parametrize("credit", list(Credit))
def test_negative_advantages_are_weighted(credit: Credit) -> None:
    algorithm = Algorithm(credit=credit, baseline=Baseline.MEAN, negative_weight=0.25)
    group = [episode(1.0, actions=["click e1"]), episode(0.0, actions=["click e2"])]
    # Anchor credit adds the state's advantage, 0.5 and -0.5, to the episode's.
    scale = 2 if credit is Credit.ANCHOR else 1
    assert group_credit(group, algorithm) == [[0.5 * scale], [-0.125 * scale]]
