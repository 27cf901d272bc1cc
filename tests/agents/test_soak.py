"""Thousands of episodes in one sandbox leave nothing behind."""

import asyncio
import gc
import re
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cairn.agents.rollout import Request, run_all
from cairn.agents.scripted import RandomAgent
from cairn.envs.tasks import TASKS
from cairn.sandbox.sandbox import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio]

NUM_EPISODES = 2_000
BATCH = 50
WARM_UP = 10  # batches
CONCURRENCY = 4


@pytest.fixture
def temporary_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the test a temporary folder of its own, which Chromium's user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    folder.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    shutil.rmtree(folder)


def memory_mib() -> float:
    """Return what this process and all below it hold, files left out: others share those."""
    total_kib = 0
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        status = Path(f"/proc/{process.pid}/status").read_text()
        total_kib += sum(map(int, re.findall(r"^Rss(?:Anon|Shmem):\s+(\d+)", status, re.MULTILINE)))
    return total_kib / 1024


def left_over(sandbox: Sandbox, folder: Path) -> dict[str, int]:
    return {
        "processes": len(psutil.Process().children(recursive=True)),
        "descriptors": psutil.Process().num_fds(),
        "browser descriptors": psutil.Process(sandbox.process_id).num_fds(),
        "temporary files": len(list(folder.rglob("*"))),
    }


async def test_nothing_grows_over_thousands_of_episodes(temporary_folder: Path) -> None:
    memory, left, tasks = [], [], list(TASKS.values())
    async with Sandbox.open() as sandbox:
        for first in range(0, NUM_EPISODES, BATCH):
            requests = [
                Request(task=tasks[seed % len(tasks)], seed=seed, make_agent=RandomAgent)
                for seed in range(first, first + BATCH)
            ]
            async for _, trajectory in run_all(sandbox, requests, concurrency=CONCURRENCY):
                assert trajectory.void is None, trajectory.void
            await asyncio.sleep(0.5)  # the processes of closed tabs end, the pool refills
            gc.collect()
            memory.append(memory_mib())
            left.append(left_over(sandbox, temporary_folder))
    warm = memory[WARM_UP:]
    half = len(warm) // 2
    growth = statistics.median(warm[half:]) - statistics.median(warm[:half])
    # What is left is the allocators'; a tab that stayed would be 15 MiB each time.
    assert growth < 0.05 * statistics.median(warm), memory
    profile = left[WARM_UP]["temporary files"]
    assert abs(left[-1].pop("temporary files") - profile) < 20, left  # of Chromium's own profile
    assert left[-1].items() <= left[WARM_UP].items(), left
    assert list(temporary_folder.iterdir()) == []
