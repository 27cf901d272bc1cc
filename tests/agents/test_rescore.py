"""Ledgers computed again from hand-made evidence."""

from dataclasses import replace

import pytest

from cairn.agents.rescore import payments_of, rescore, rescored
from cairn.agents.trajectory import Trajectory
from cairn.envs.core import draw_facts
from cairn.rewards.ledger import Payment, Tier
from cairn.sandbox.errors import ConfigError
from cairn.sandbox.events import EventKind
from tests.agents.trajectories import observation, trajectory, turn
from tests.evidence import entry, evidence
from tests.fakes import LabTask

TASK = LabTask()
GOAL = TASK.goal(draw_facts(TASK, 7))
SUBMITTED = entry(EventKind.SUBMIT_CLICKED, name="Save")
SAVED = entry(EventKind.NOTIFICATION_SHOWN, text="Saved")


def episode() -> Trajectory:
    """Two steps, submitted and saved, that were paid something else when they were played."""
    return replace(
        trajectory(),
        turns=tuple(
            replace(turn(step), observation=observation(step - 1, goal=GOAL)) for step in (1, 2)
        ),
        events=tuple(evidence(SUBMITTED, SAVED)),
        is_success=False,
    )


def test_receipts_rewards_and_success_follow_from_the_evidence() -> None:
    now = rescored(TASK, episode())

    assert [step.reward for step in now.turns] == [0.25, 0.5]
    assert payments_of(now) == (
        Payment(step=1, milestone="submitted", tier=Tier.RULE, value=0.25, evidence=(0,)),
        Payment(step=2, milestone="saved", tier=Tier.RULE, value=0.5, evidence=(1,)),
    )
    assert now.is_success
    assert replace(now, turns=(), is_success=False) == replace(episode(), turns=())


def test_what_was_earned_is_compared_with_what_is_earned_now() -> None:
    done = rescore(TASK, episode())
    assert (done.task, done.seed, done.is_same) == ("lab-v1", 7, False)
    assert (done.return_before, done.return_now) == (1.0, 0.75)
    assert (done.is_success_before, done.is_success_now) == (False, True)

    assert rescore(TASK, rescored(TASK, episode())).is_same


def test_a_receipt_with_other_evidence_is_a_difference() -> None:
    right = rescored(TASK, episode())
    [paid] = right.turns[0].payments
    wrong = replace(right.turns[0], payments=(replace(paid, evidence=(1,)),))
    assert not rescore(TASK, replace(right, turns=(wrong, right.turns[1]))).is_same


def test_success_alone_is_a_difference() -> None:
    right = rescored(TASK, episode())
    assert not rescore(TASK, replace(right, is_success=False)).is_same


def test_a_void_episode_stays_void_and_its_steps_are_paid() -> None:
    now = rescored(TASK, replace(episode(), is_success=None, void="browser: gone"))
    assert (now.is_success, now.void, now.episode_return) == (None, "browser: gone", 0.75)


def test_an_episode_without_steps_earns_nothing() -> None:
    start = observation(0, goal=GOAL)
    now = rescored(TASK, replace(episode(), turns=(), last_observation=start))
    assert (now.episode_return, now.is_success) == (0, False)


@pytest.mark.parametrize("has_steps", [True, False])
def test_a_seed_that_is_another_instance_now_is_refused(has_steps: bool) -> None:
    made = trajectory(num_steps=2 if has_steps else 0)
    with pytest.raises(ConfigError, match=r"seed 7: the recorded goal is 'Press it\.', but"):
        rescore(TASK, made)
