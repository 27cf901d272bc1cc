"""Gymnasium's vector face: many environments over one Chromium, stepped concurrently."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from cairn.envs.background import shared_loop
from cairn.envs.core import Env
from cairn.envs.gym_env import (
    ObservationDict,
    action_space,
    as_dict,
    draw_seed,
    observation_space,
    reset_info,
    reward_of,
    step_info,
)
from cairn.envs.observation import Observation
from cairn.envs.registry import find_task_or_suite
from cairn.envs.task import Task
from cairn.sandbox.errors import CairnError, ConfigError, SandboxError
from cairn.sandbox.sandbox import Sandbox

RESET_ATTEMPTS = 3

ObservationBatch = dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What one environment's step or reset came to."""

    observation: Observation
    info: dict[str, Any]
    reward: float = 0.0
    is_terminal: bool = False
    is_truncated: bool = False

    @property
    def is_over(self) -> bool:
        return self.is_terminal or self.is_truncated


class _Player:
    """One of the environments; plays the tasks in turn, beginning with the `first`."""

    def __init__(self, tasks: Sequence[Task[Any]], first: int) -> None:
        self._tasks = tasks
        self._first = self._next = first
        self._rng, _ = seeding.np_random()
        self._env: Env | None = None
        self.last: _Outcome | None = None

    async def reset(self, sandbox: Sandbox, seed: int | None) -> _Outcome:
        """Begin an episode: of the instance `seed`, or of one that the generator draws."""
        if seed is not None:
            self._rng, _ = seeding.np_random(seed)
            self._next = self._first
        else:
            seed = draw_seed(self._rng)
        task = self._tasks[self._next % len(self._tasks)]
        self._next += 1
        await self.close()
        self.last = None
        self._env = Env(task, sandbox)
        observation = await self._begin(self._env, seed)
        info = reset_info(self._env, observation)
        self.last = _Outcome(observation=observation, info=info)
        return self.last

    async def step(self, action: str) -> _Outcome:
        """Carry out an action."""
        assert self._env is not None
        result = await self._env.step(action)
        self.last = _Outcome(
            observation=result.observation,
            info=step_info(result),
            reward=reward_of(result),
            is_terminal=result.is_terminal,
            is_truncated=result.is_truncated,
        )
        return self.last

    async def close(self) -> None:
        """End the episode."""
        if self._env is not None:
            await self._env.close()

    async def _begin(self, env: Env, seed: int) -> Observation:
        for _ in range(RESET_ATTEMPTS - 1):
            try:
                return await env.reset(seed)
            except SandboxError:
                continue
        return await env.reset(seed)


class CairnVectorEnv(VectorEnv[ObservationBatch, Sequence[str], NDArray[Any]]):
    """Environments of one process, each with tab and files of its own, behind one interface.

    An observation is a dictionary of tuples of `num_envs` strings; actions are `num_envs` strings;
    rewards are float64 `(num_envs,)`. Environment `i` plays the tasks in turn, beginning with the
    `i`-th; `info["task"]` and `info["seed"]` say which instance it got. A void step has reward NaN
    and `info["void"]`, and has no `info["is_success"]`; the other environments go on.

    Args:
        tasks: What to play.
        num_envs: Environments.
        autoreset_mode: When an ended environment begins its next episode: at the next step, whose
            action is ignored; in the same step, with `final_obs` and `final_info`; or when `reset`
            says so with `options={"reset_mask": ...}`.
        render_mode: "ansi", or None.

    Raises:
        ConfigError: If there is no environment to make.
    """

    def __init__(
        self,
        tasks: Sequence[Task[Any]],
        num_envs: int,
        *,
        autoreset_mode: AutoresetMode = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
    ) -> None:
        if num_envs < 1 or not tasks:
            raise ConfigError(
                f"num_envs {num_envs}, {len(tasks)} tasks: there must be at least 1 of each"
            )
        self.metadata = {"render_modes": ["ansi"], "autoreset_mode": autoreset_mode}
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.single_observation_space: gymnasium.Space[Any] = observation_space()
        self.single_action_space: gymnasium.Space[Any] = action_space()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._mode = autoreset_mode
        self._players = [_Player(tasks, i) for i in range(num_envs)]

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[ObservationBatch, dict[str, Any]]:
        """Begin episodes, in all environments or in those of `options["reset_mask"]`.

        Args:
            seed: The instance of the first environment, the next ones following; or that of each.
            options: May hold "reset_mask", a boolean `(num_envs,)`.

        Raises:
            ConfigError: If `seed` or the mask does not fit.
            CairnError: If an environment outside the mask has no episode yet.
            SandboxError: If the sandbox cannot be set up in three attempts.
        """
        seeds = self._seeds(seed)
        mask = np.asarray((options or {}).get("reset_mask", [True] * self.num_envs))
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_:
            raise ConfigError(f"reset_mask must be {self.num_envs} booleans, not {mask!r}")
        chosen = [i for i in range(self.num_envs) if mask[i]]
        if any(player.last is None for i, player in enumerate(self._players) if i not in chosen):
            raise CairnError("some environments have no episode yet: reset them all first")
        sandbox = shared_loop().sandbox
        outcomes = self._together(
            [partial(self._players[i].reset, sandbox, seeds[i]) for i in chosen]
        )
        infos: dict[str, Any] = {}
        for i, outcome in zip(chosen, outcomes, strict=True):
            infos = self._add_info(infos, outcome.info, i)
        return self._batch(), infos

    def step(
        self, actions: Sequence[str]
    ) -> tuple[ObservationBatch, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Carry out an action in each environment, all at the same time.

        Raises:
            ConfigError: If there are more or fewer actions than environments.
            CairnError: If an environment must be reset first.
            SandboxError: If the next episode cannot be set up in three attempts.
        """
        if isinstance(actions, str) or len(actions) != self.num_envs:
            raise ConfigError(f"step takes {self.num_envs} actions, one for each environment")
        for i, player in enumerate(self._players):
            has_ended = player.last is not None and player.last.is_over
            if player.last is None or (has_ended and self._mode is AutoresetMode.DISABLED):
                raise CairnError(f"environment {i} has no episode under way: reset it first")
        pairs = zip(self._players, actions, strict=True)
        outcomes = self._together(
            [partial(self._play, player, str(action)) for player, action in pairs]
        )
        infos: dict[str, Any] = {}
        for i, outcome in enumerate(outcomes):
            infos = self._add_info(infos, outcome.info, i)
        return (
            self._batch(),
            np.array([outcome.reward for outcome in outcomes]),
            np.array([outcome.is_terminal for outcome in outcomes]),
            np.array([outcome.is_truncated for outcome in outcomes]),
            infos,
        )

    def render(self) -> tuple[str, ...] | None:
        """Return the last observations as text."""
        if self.render_mode is None:
            return None
        return tuple(p.last.observation.to_text() if p.last else "" for p in self._players)

    def close_extras(self, **_: Any) -> None:
        """End the episodes; the shared Chromium ends with the process."""
        self._together([player.close for player in self._players])

    async def _play(self, player: _Player, action: str) -> _Outcome:
        """Step an environment, or reset it when it is its turn."""
        assert player.last is not None
        sandbox = shared_loop().sandbox
        if player.last.is_over and self._mode is AutoresetMode.NEXT_STEP:
            return await player.reset(sandbox, None)
        ended = await player.step(action)
        if not ended.is_over or self._mode is not AutoresetMode.SAME_STEP:
            return ended
        final = {"final_obs": as_dict(ended.observation), "final_info": ended.info}
        begun = await player.reset(sandbox, None)
        return replace(ended, info=begun.info | final)

    def _together(self, work: Sequence[Callable[[], Coroutine[Any, Any, Any]]]) -> list[Any]:
        """Run it concurrently to its end, then raise the first failure, if any."""

        async def run() -> list[Any]:
            return await asyncio.gather(*(one() for one in work), return_exceptions=True)

        done = shared_loop().run(run())
        for outcome in done:
            if isinstance(outcome, BaseException):
                raise outcome
        return done

    def _batch(self) -> ObservationBatch:
        shown: list[ObservationDict] = [
            as_dict(player.last.observation) for player in self._players if player.last is not None
        ]
        return {key: tuple(one[key] for one in shown) for key in shown[0]}

    def _seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, int):
            return [seed + i for i in range(self.num_envs)]
        seeds = list(seed)
        if len(seeds) != self.num_envs:
            raise ConfigError(f"{len(seeds)} seeds for {self.num_envs} environments")
        return seeds

    def _add_info(
        self, vector_infos: dict[str, Any], env_info: dict[str, Any], env_num: int
    ) -> dict[str, Any]:
        """Leave out what is None: an array of booleans would say that void is False."""
        told = {key: value for key, value in env_info.items() if value is not None}
        return super()._add_info(vector_infos, told, env_num)


def make_vec(
    task: str,
    num_envs: int,
    *,
    autoreset_mode: AutoresetMode = AutoresetMode.NEXT_STEP,
    render_mode: str | None = None,
) -> CairnVectorEnv:
    """Make environments that are stepped together.

    Args:
        task: Id of a task, or name of a suite.
        num_envs: Environments.
        autoreset_mode: See `CairnVectorEnv`.
        render_mode: See `CairnVectorEnv`.

    Raises:
        UnknownNameError: If there is no such task or suite.
    """
    return CairnVectorEnv(
        find_task_or_suite(task), num_envs, autoreset_mode=autoreset_mode, render_mode=render_mode
    )
