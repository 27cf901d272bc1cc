"""The Gymnasium face of the environment: synchronous, on a background loop."""

from copy import deepcopy
from typing import Any, Literal

import gymnasium
import numpy as np

from cairn.envs.background import shared_loop
from cairn.envs.core import MAX_PAGE_TOKENS, Env, StepResult
from cairn.envs.observation import Observation
from cairn.envs.registry import NUM_TRAINING_SEEDS, Split, find_task, known_tasks, split_seed
from cairn.envs.spaces import TextSpace
from cairn.sandbox.errors import CairnError, ConfigError

ObservationDict = dict[str, str]

_OBSERVED = ("goal", "url", "title", "page", "dialog", "files", "result")


class CairnEnv(gymnasium.Env[ObservationDict, str]):
    """A task as a Gymnasium environment; all of a process share one Chromium.

    An action is a string in either wire form. `reset(seed=N)` chooses the instance; without a
    seed the environment's own generator draws one of the training split. A void step returns
    reward NaN, `truncated=True` and `info["void"]`, the reason.

    Args:
        task: Id of the task, such as `mail-send-attachment-v1`.
        observe: What `page` holds after a step: all of it ("text"), or, where that is shorter, what
            has changed since the step before ("diff").
        max_page_tokens: Longer pages are pruned to about as many tokens.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012

    def __init__(
        self,
        task: str,
        render_mode: str | None = None,
        *,
        observe: Literal["text", "diff"] = "text",
        max_page_tokens: int = MAX_PAGE_TOKENS,
    ) -> None:
        if observe not in {"text", "diff"}:
            raise ConfigError(f"observe={observe!r}: must be 'text' or 'diff'")
        if max_page_tokens < 1:
            raise ConfigError(f"max_page_tokens={max_page_tokens}: must be at least 1")
        self.render_mode = render_mode
        self._observe, self._max_page_tokens = observe, max_page_tokens
        self.observation_space: gymnasium.Space[Any] = observation_space()
        self.action_space = action_space()
        self._task = find_task(task)
        self._env: Env | None = None
        self._last: Observation | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[ObservationDict, dict[str, Any]]:
        """Begin an episode of the instance `seed`.

        Raises:
            SandboxError: If the sandbox cannot be set up.
        """
        super().reset(seed=seed, options=options)
        instance = seed if seed is not None else draw_seed(self.np_random)
        if self._env is None:
            self._env = Env(
                self._task, shared_loop().sandbox, max_page_tokens=self._max_page_tokens
            )
        self._last = shared_loop().run(self._env.reset(instance))
        return as_dict(self._last), reset_info(self._env, self._last)

    def step(self, action: str) -> tuple[ObservationDict, float, bool, bool, dict[str, Any]]:
        """Carry out an action in either wire form."""
        if self._env is None:
            raise CairnError("no episode is under way: call reset first")
        result = shared_loop().run(self._env.step(str(action)))
        before, self._last = self._last, result.observation
        observation = as_dict(self._last)
        if self._observe == "diff" and before is not None:
            observation["page"] = self._last.page_since(before)
        return (
            observation,
            reward_of(result),
            result.is_terminal,
            result.is_truncated,
            step_info(result),
        )

    def fork(self) -> "CairnEnv":
        """Return another environment in the same state; both go on independently.

        Raises:
            CairnError: If no episode is under way.
            SandboxError: If the copy does not come to the same state.
        """
        if self._env is None:
            raise CairnError("no episode is under way: call reset first")
        other = CairnEnv(
            self._task.id,
            self.render_mode,
            observe=self._observe,
            max_page_tokens=self._max_page_tokens,
        )
        other._env = shared_loop().run(self._env.fork())
        other._last = self._last
        other.np_random = deepcopy(self.np_random)
        return other

    def render(self) -> str | None:
        """Return the last observation as text."""
        if self.render_mode is None or self._last is None:
            return None
        return self._last.to_text()

    def close(self) -> None:
        """End the episode; the shared Chromium ends with the process."""
        if self._env is not None:
            shared_loop().run(self._env.close())
            self._env = None


def observation_space() -> gymnasium.spaces.Dict:
    """Return the space of `as_dict`'s observations."""
    return gymnasium.spaces.Dict({key: TextSpace() for key in _OBSERVED})


def action_space() -> TextSpace:
    """Return the space of actions in either wire form."""
    return TextSpace(samples=("wait 1", "press Tab", "click e1", "scroll down"))


def draw_seed(generator: np.random.Generator) -> int:
    """Draw an instance of the training split."""
    return split_seed(Split.TRAIN, int(generator.integers(NUM_TRAINING_SEEDS)))


def as_dict(observation: Observation) -> ObservationDict:
    """Return an observation as the strings that Gymnasium sees."""
    last = f"error: {observation.result}" if observation.is_error else observation.result
    return {
        "goal": observation.goal,
        "url": observation.url,
        "title": observation.title,
        "page": observation.page,
        "dialog": observation.dialog,
        "files": "\n".join(observation.files),
        "result": last,
    }


def reset_info(env: Env, observation: Observation) -> dict[str, Any]:
    """Return what Gymnasium's `reset` says besides the observation."""
    return {"task": env.task.id, "seed": env.seed, "state_hash": observation.state_hash}


def step_info(result: StepResult) -> dict[str, Any]:
    """Return what Gymnasium's `step` says besides observation, reward and end."""
    return {
        "is_success": result.is_success,
        "payments": [payment.milestone for payment in result.payments],
        "state_hash": result.observation.state_hash,
        "replay_hash": result.observation.replay_hash,
        "void": result.void,
    }


def reward_of(result: StepResult) -> float:
    """Return the reward as a number: NaN for a void step, which is not 0."""
    return float(np.nan) if result.reward is None else result.reward


def register_all() -> None:
    """Make every task known to `gymnasium.make` as `cairn/NAME-vN`."""
    for name, task in known_tasks().items():
        gymnasium.register(
            id=f"cairn/{name}",
            entry_point="cairn.envs.gym_env:CairnEnv",
            vector_entry_point="cairn.envs.vector_env:make_vec",
            kwargs={"task": name},
            # The task counts its own steps and truncates; a second limit would hide that.
            max_episode_steps=None,
            nondeterministic=False,
            additional_wrappers=(),
        )
        assert task.id == name
