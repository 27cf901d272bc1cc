"""The Gymnasium face of the environment: synchronous, with an event loop of its own."""

import asyncio
import atexit
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

import gymnasium
import numpy as np

from cairn.envs.core import Env
from cairn.envs.observation import Observation
from cairn.envs.registry import find_task
from cairn.envs.spaces import TextSpace
from cairn.envs.tasks import TASKS
from cairn.sandbox.errors import CairnError
from cairn.sandbox.sandbox import Sandbox

T = TypeVar("T")

ObservationDict = dict[str, str]

_OBSERVED = ("goal", "url", "title", "page", "dialog", "files", "result")


class CairnEnv(gymnasium.Env[ObservationDict, str]):
    """A task as a Gymnasium environment; all of a process share one Chromium.

    An action is a string in either wire form. `reset(seed=N)` chooses the instance; without a
    seed the environment's own generator draws one of the training split. A void step returns
    reward NaN, `truncated=True` and `info["void"]`, the reason.

    Args:
        task: Id of the task, such as `mail-send-attachment-v1`.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012

    def __init__(self, task: str, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self.observation_space: gymnasium.Space[Any] = gymnasium.spaces.Dict(
            {key: TextSpace() for key in _OBSERVED}
        )
        self.action_space = TextSpace(samples=("wait 1", "press Tab", "click e1", "scroll down"))
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
        instance = seed if seed is not None else int(self.np_random.integers(2**20))
        if self._env is None:
            self._env = Env(self._task, _loop().sandbox)
        self._last = _loop().run(self._env.reset(instance))
        info = {"task": self._task.id, "seed": instance, "state_hash": self._last.state_hash}
        return _to_dict(self._last), info

    def step(self, action: str) -> tuple[ObservationDict, float, bool, bool, dict[str, Any]]:
        """Carry out an action in either wire form."""
        if self._env is None:
            raise CairnError("no episode is under way: call reset first")
        result = _loop().run(self._env.step(str(action)))
        self._last = result.observation
        info = {
            "is_success": result.is_success,
            "payments": [payment.milestone for payment in result.payments],
            "state_hash": result.observation.state_hash,
            "replay_hash": result.observation.replay_hash,
            "void": result.void,
        }
        reward = float(np.nan) if result.reward is None else result.reward
        return _to_dict(self._last), reward, result.is_terminal, result.is_truncated, info

    def render(self) -> str | None:
        """Return the last observation as text."""
        if self.render_mode is None or self._last is None:
            return None
        return self._last.to_text()

    def close(self) -> None:
        """End the episode; the shared Chromium ends with the process."""
        if self._env is not None:
            _loop().run(self._env.close())
            self._env = None


def _to_dict(observation: Observation) -> ObservationDict:
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


class _Loop:
    """A thread with an event loop, on which the shared sandbox lives."""

    def __init__(self) -> None:
        self.process_id = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="cairn-sandbox", daemon=True
        )
        self._thread.start()
        try:
            self.sandbox = self.run(Sandbox.start())
        except BaseException:
            self._stop()
            raise

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait for it."""
        if self.process_id != os.getpid():
            work.close()
            raise CairnError(
                "a live browser does not survive fork(): make environments in the worker "
                "process, or start workers with multiprocessing's 'spawn'"
            )
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result()

    def close(self) -> None:
        """End the sandbox and the thread."""
        if self.process_id != os.getpid():
            return
        self.run(self.sandbox.close())
        self._stop()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


_shared: _Loop | None = None
_starting = threading.Lock()


def _loop() -> _Loop:
    global _shared
    with _starting:
        if _shared is None:
            _shared = _Loop()
            atexit.register(shut_down)
    return _shared


def shut_down() -> None:
    """End the Chromium that this process's Gymnasium environments share."""
    global _shared
    with _starting:
        loop, _shared = _shared, None
    if loop is not None:
        loop.close()


def register_all() -> None:
    """Make every task known to `gymnasium.make` as `cairn/NAME-vN`."""
    for name, task in TASKS.items():
        gymnasium.register(
            id=f"cairn/{name}",
            entry_point="cairn.envs.gym_env:CairnEnv",
            kwargs={"task": name},
            # The task counts its own steps and truncates; a second limit would hide that.
            max_episode_steps=None,
            nondeterministic=False,
            additional_wrappers=(),
        )
        assert task.id == name
