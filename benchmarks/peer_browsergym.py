"""BrowserGym's default settings on pages of MiniWoB++; runs in an environment of its own.

Prints JSON: for each page the medians of a reset and of a step that does nothing, in milliseconds.
"""

import importlib.util
import json
import os
import statistics
import sys
import time
from pathlib import Path

NUM_RESETS, NUM_STEPS = 3, 6


def main() -> None:
    """Measure the pages that are named."""
    found = importlib.util.find_spec("miniwob")
    os.environ["MINIWOB_URL"] = f"file://{Path(found.origin).parent}/html/miniwob/"
    import browsergym.miniwob  # noqa: F401 - registers its environments
    import gymnasium

    figures = {}
    for page in sys.argv[1:]:
        env = gymnasium.make(f"browsergym/miniwob.{page}", headless=True)
        reset_s, step_s = [], []
        for seed in range(NUM_RESETS):
            started = time.perf_counter()
            env.reset(seed=seed)
            reset_s.append(time.perf_counter() - started)
            for _ in range(NUM_STEPS):
                started = time.perf_counter()
                env.step("noop(0)")
                step_s.append(time.perf_counter() - started)
        env.close()
        figures[page] = [statistics.median(reset_s) * 1e3, statistics.median(step_s) * 1e3]
    print(json.dumps(figures))


main()
