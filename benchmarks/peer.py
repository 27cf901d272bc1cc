"""A peer on pages of MiniWoB++; runs in the peer's own environment, see `peers.py`.

Prints JSON: for each page the medians of a reset and of a step that does nothing, in milliseconds.

Usage: python benchmarks/peer.py browsergym|selenium PAGE ...
"""

import importlib.util
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium

NUM_RESETS, NUM_STEPS = 4, 8
Peer = tuple[Any, Callable[[], Any]]


def browsergym(page: str) -> Peer:
    """Return BrowserGym's environment with its default settings, and what does nothing there."""
    found = importlib.util.find_spec("miniwob")
    assert found is not None
    assert found.origin is not None
    os.environ["MINIWOB_URL"] = f"file://{Path(found.origin).parent}/html/miniwob/"
    import browsergym.miniwob  # noqa: F401 - registers its environments

    return gymnasium.make(f"browsergym/miniwob.{page}", headless=True), lambda: "noop(0)"


def selenium(page: str) -> Peer:
    """Return MiniWoB++'s own environment, and what does nothing there."""
    import miniwob  # noqa: F401 - registers its environments
    from miniwob.action import ActionTypes

    env = gymnasium.make(f"miniwob/{page}-v1", render_mode=None)
    return env, lambda: env.unwrapped.create_action(ActionTypes.NONE)


def measure(env: Any, idle: Callable[[], Any]) -> list[float]:
    """Return the medians."""
    reset_s, step_s = [], []
    for seed in range(NUM_RESETS):
        started = time.perf_counter()
        env.reset(seed=seed)
        reset_s.append(time.perf_counter() - started)
        for _ in range(NUM_STEPS):
            action = idle()
            started = time.perf_counter()
            env.step(action)
            step_s.append(time.perf_counter() - started)
    env.close()
    return [statistics.median(reset_s) * 1e3, statistics.median(step_s) * 1e3]


def main() -> None:
    """Measure the pages that are named."""
    _, name, *pages = sys.argv
    make = {"browsergym": browsergym, "selenium": selenium}[name]
    print(json.dumps({page: measure(*make(page)) for page in pages}))


main()
