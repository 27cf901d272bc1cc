"""MiniWoB++'s own Selenium environment; runs in an environment of its own.

Prints JSON: for each page the medians of a reset and of a step that does nothing, in milliseconds.
"""

import json
import statistics
import sys
import time

import gymnasium
import miniwob
from miniwob.action import ActionTypes

NUM_RESETS, NUM_STEPS = 8, 10


def main() -> None:
    """Measure the pages that are named."""
    gymnasium.register_envs(miniwob) if hasattr(gymnasium, "register_envs") else None
    figures = {}
    for page in sys.argv[1:]:
        env = gymnasium.make(f"miniwob/{page}-v1", render_mode=None)
        reset_s, step_s = [], []
        for seed in range(NUM_RESETS):
            started = time.perf_counter()
            env.reset(seed=seed)
            reset_s.append(time.perf_counter() - started)
            for _ in range(NUM_STEPS):
                action = env.unwrapped.create_action(ActionTypes.NONE)
                started = time.perf_counter()
                env.step(action)
                step_s.append(time.perf_counter() - started)
        env.close()
        figures[page] = [statistics.median(reset_s) * 1e3, statistics.median(step_s) * 1e3]
    print(json.dumps(figures))


main()
