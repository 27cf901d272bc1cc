"""What came of an episode: turns, rewards, success, or a void."""

from dataclasses import dataclass

from cairn.agents.agent import Decision
from cairn.envs.observation import Observation
from cairn.rewards.ledger import Payment
from cairn.sandbox.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One step of an episode.

    Attributes:
        observation: What the agent saw before it acted.
        decision: What it chose.
        reward: What the transition paid.
        payments: The receipts of that reward.
    """

    observation: Observation
    decision: Decision
    reward: float
    payments: tuple[Payment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """One episode's turns.

    Attributes:
        task: Id of the task, such as `mail-send-attachment-v1`.
        seed: The instance.
        turns: In order; the turn that failed is not among them.
        last_observation: What followed the last turn; None when the reset failed.
        events: The evidence.
        is_success: None when the episode is void.
        void: Why the episode cannot be trusted; None when it can.
        wall_s: Real time it took, reset included.
    """

    task: str
    seed: int
    turns: tuple[Turn, ...]
    last_observation: Observation | None
    events: tuple[Event, ...]
    is_success: bool | None
    void: str | None = None
    wall_s: float = 0.0

    @property
    def episode_return(self) -> float:
        """Sum of the rewards."""
        return sum(turn.reward for turn in self.turns)
