"""Trajectories made by hand, for tests of what is done with them."""

from cairn.agents.agent import Decision
from cairn.agents.engine import FinishReason, Generation
from cairn.agents.trajectory import Trajectory, Turn
from cairn.envs.observation import Observation
from cairn.rewards.ledger import Payment, Tier
from cairn.sandbox.events import Event, EventKind, Json, Source


def observation(step: int, **changes: str) -> Observation:
    """Return what is seen after `step`."""
    shown = {"page": f'- button "Page {step}" [ref=e1]', "result": "", "goal": "Press it."}
    return Observation(
        **{**shown, **changes},
        url="http://lab.localhost/",
        title="Lab",
        dialog="",
        files=("Documents/", "ü.txt"),
        is_error=False,
        step=step,
        max_steps=5,
        state_hash=f"state{step}",
        replay_hash=f"replay{step}",
    )


def payment(step: int, *, value: float = 0.5) -> Payment:
    """Return the receipt of a step."""
    return Payment(
        step=step, milestone=f"step-{step}", tier=Tier.RULE, value=value, evidence=(step,)
    )


def event(step: int) -> Event:
    """Return the one event of a step."""
    data: dict[str, Json] = {"added": [["button", f"Page {step}"]], "more": None}
    return Event(seq=step, step=step, source=Source.AX, kind=EventKind.AX_CHANGED, data=data)


def turn(step: int, *, reward: float = 0.5, action: str = "click e1") -> Turn:
    """Return the turn that leads to `step`, by an agent with a model."""
    generation = Generation(
        ids=(5, 2), logprobs=(-0.25, -0.1), finish_reason=FinishReason.STOP, version=3
    )
    return Turn(
        observation=observation(step - 1),
        decision=Decision(action=action, prompt_ids=(1, 2, step), generation=generation),
        reward=reward,
        payments=(payment(step, value=reward),) if reward else (),
    )


def trajectory(
    *,
    num_steps: int = 2,
    task: str = "lab-v1",
    seed: int = 7,
    is_success: bool | None = True,
    void: str | None = None,
) -> Trajectory:
    """Return an episode of `num_steps` steps that each pay 0.5."""
    return Trajectory(
        task=task,
        seed=seed,
        turns=tuple(turn(step) for step in range(1, num_steps + 1)),
        last_observation=observation(num_steps),
        events=tuple(event(step) for step in range(num_steps + 1)),
        is_success=None if void else is_success,
        void=void,
        wall_s=0.125,
    )
