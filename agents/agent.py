"""Who acts: the contract between an episode and whatever chooses its actions."""

from dataclasses import dataclass
from typing import Protocol

from cairn.agents.engine import Generation
from cairn.envs.observation import Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What an agent chose to do.

    Attributes:
        action: In either wire form; may be malformed, the environment answers that with a text.
        prompt_ids: The token ids the model was given; empty for agents without a model.
        generation: What the model sampled; None for agents without a model.
    """

    action: str
    prompt_ids: tuple[int, ...] = ()
    generation: Generation | None = None


class Agent(Protocol):
    """Acts in one episode; a new one is made for each."""

    async def act(self, observation: Observation) -> Decision:
        """Choose the next action."""
        ...
