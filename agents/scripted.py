"""Agents without a model: the oracle, one that acts at random, and one that does nothing."""

import random
import re
from collections.abc import Callable, Generator

from cairn.agents.agent import Agent, Decision
from cairn.envs.actions import Action
from cairn.envs.core import Env
from cairn.envs.observation import Observation
from cairn.sandbox.errors import TaskError

AgentMaker = Callable[[Env], Agent]
"""Makes the agent of an episode; called when the environment has been reset."""


class OracleAgent:
    """Plays a task's own solver, through the same actions as any agent."""

    def __init__(self, env: Env) -> None:
        self._env = env
        self._script: Generator[Action, Observation, None] | None = None

    async def act(self, observation: Observation) -> Decision:
        """Choose what the script says.

        Raises:
            TaskError: If the script ends before the episode does.
        """
        try:
            if self._script is None:
                self._script = self._env.task.oracle(self._env.facts, observation)
                action = next(self._script)
            else:
                action = self._script.send(observation)
        except StopIteration:
            raise TaskError(
                f"task {self._env.task.id!r}, seed {self._env.seed}: the oracle ended before the "
                "episode did"
            ) from None
        return Decision(action=action.to_line())


class RandomAgent:
    """Acts on an element drawn at random."""

    def __init__(self, env: Env) -> None:
        self._rng = random.Random(f"random agent {env.task.id} {env.seed}")

    async def act(self, observation: Observation) -> Decision:
        """Draw an action."""
        refs = re.findall(r"\[ref=(e\d+)\]", observation.page) or ["e1"]
        words = re.findall(r"\w+", observation.goal)
        ref, word = self._rng.choice(refs), self._rng.choice(words)
        line = self._rng.choice(
            [f"click {ref}", f"click {ref}", f"fill {ref} {word}", f"read {ref}", "press Enter"]
        )
        return Decision(action=line)


class NoopAgent:
    """Lets time pass."""

    def __init__(self, env: Env) -> None:
        self._env = env

    async def act(self, observation: Observation) -> Decision:
        """Wait."""
        del observation
        return Decision(action="wait 1")


AGENTS: dict[str, AgentMaker] = {
    "oracle": OracleAgent,
    "random": RandomAgent,
    "noop": NoopAgent,
}
