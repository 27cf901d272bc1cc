"""How fast the environment is, beside the floor, in one run.

Steps of an environment alternate with the same steps through Playwright, so that their ratio holds
on a busy machine.
"""

import asyncio
import contextlib
import os
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

from cairn.agents.floor import APP, SAVED, floor_pages
from cairn.agents.scripted import OracleAgent
from cairn.envs.actions import Action
from cairn.envs.core import Env
from cairn.envs.observation import Observation
from cairn.envs.page_text import estimate_tokens
from cairn.envs.sites import SITES, Site
from cairn.envs.task import Category, Task
from cairn.envs.tasks import TASKS
from cairn.envs.world import World
from cairn.rewards.detectors import NotificationShown
from cairn.rewards.milestones import Detector, Milestone
from cairn.sandbox.sandbox import Sandbox

NUM_CONTEXTS = 4
_NUM_RESETS = 12
_NUM_FILE_STEPS = 2_000
_FILE_ACTIONS = (
    "write_file notes.txt some text",
    "read_file notes.txt",
    "copy notes.txt Documents/notes.txt",
    "list_dir Documents",
    "delete Documents/notes.txt",
)

Step = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchReport:
    """Figures of one run; times are milliseconds.

    Attributes:
        floor_step_p50_ms: A step through Playwright, one context.
        floor_steps_per_s: All contexts together, through Playwright.
        step_p50_ms: The same step of an environment: from the compact action to observation,
            evidence and reward.
        step_p99_ms: The same, the slowest in a hundred.
        steps_per_s: All contexts together.
        contexts: How many.
        reset_p50_ms: A reset of a suite task, its tab taken from the pool.
        navigation_step_p50_ms: A step that loads a page of the suite.
        fs_steps_per_s: File actions of a task without a browser.
        obs_tokens_full: The longest observation of the suite's oracle episodes.
        obs_tokens_diff: The longest of those told by what changed, on the same page.
        load: The machine's, one minute's mean, when all was done.
        cores: The machine's.
    """

    floor_step_p50_ms: float
    floor_steps_per_s: float
    step_p50_ms: float
    step_p99_ms: float
    steps_per_s: float
    contexts: int
    reset_p50_ms: float
    navigation_step_p50_ms: float
    fs_steps_per_s: float
    obs_tokens_full: int
    obs_tokens_diff: int
    load: float
    cores: int


class _EndlessTask(Task[None]):
    """Can never be done, so that any number of steps can be taken."""

    category = Category.WEB
    max_steps = 10**9

    def draw(self, rng: random.Random) -> None:
        """See `Task`."""

    def goal(self, facts: None) -> str:
        """See `Task`."""
        return "Go on."

    def milestones(self, facts: None) -> tuple[Milestone, ...]:
        """See `Task`."""
        return (Milestone(name="never", value=0.5, detector=NotificationShown("never")),)

    def goal_check(self, facts: None) -> Detector:
        """See `Task`."""
        return NotificationShown("never")

    def oracle(self, facts: None, observation: Observation) -> Generator[Action, Observation, None]:
        """See `Task`."""
        raise NotImplementedError


class ClickTask(_EndlessTask):
    """Click one button for ever."""

    name = "bench-click"
    start_url = "http://bench.localhost/"

    def setup(self, world: World, facts: None) -> None:
        """See `Task`."""
        world.site("bench")


class FilesTask(_EndlessTask):
    """Work on files for ever, without a browser."""

    name = "bench-files"
    start_url = None

    def setup(self, world: World, facts: None) -> None:
        """See `Task`."""
        for number in range(20):
            world.write_file(f"Documents/report-{number}.txt", "content " * 60)


async def measure(num_steps: int) -> BenchReport:
    """Measure everything, in about half a minute with 200 steps."""
    async with Sandbox.open() as sandbox:
        steps = await _step_figures(sandbox, num_steps)
        resets = await _reset_figures(sandbox)
        full, diff = await _observation_tokens(sandbox)
        return BenchReport(
            **steps,
            **resets,
            contexts=NUM_CONTEXTS,
            fs_steps_per_s=await _file_steps_per_s(sandbox),
            obs_tokens_full=full,
            obs_tokens_diff=diff,
            load=os.getloadavg()[0],
            cores=os.cpu_count() or 1,
        )


async def _step_figures(sandbox: Sandbox, num_steps: int) -> dict[str, float]:
    with _bench_site():
        async with floor_pages(NUM_CONTEXTS) as floors:
            envs = [Env(ClickTask(), sandbox) for _ in floors]
            for env in envs:
                await env.reset(0)
            floor_ms, step_ms = [], []
            for _ in range(num_steps):
                floor_ms.append(await _timed(floors[0].step))
                step_ms.append(await _timed(_click(envs[0])))
            each = max(1, num_steps // 2)
            figures = {
                "floor_step_p50_ms": statistics.median(floor_ms),
                "floor_steps_per_s": await _together([floor.step for floor in floors], each),
                "step_p50_ms": statistics.median(step_ms),
                "step_p99_ms": statistics.quantiles(step_ms, n=100, method="inclusive")[98],
                "steps_per_s": await _together([_click(env) for env in envs], each),
            }
            for env in envs:
                await env.close()
            return figures


@contextlib.contextmanager
def _bench_site() -> Iterator[None]:
    schema = "CREATE TABLE unused (id INTEGER PRIMARY KEY)"
    SITES["bench"] = Site(name="bench", schema=schema, app=APP)
    try:
        yield
    finally:
        del SITES["bench"]


def _click(env: Env) -> Step:
    async def click() -> None:
        result = await env.step("click e3")
        assert SAVED in result.observation.page, result
        assert result.reward == 0.0

    return click


async def _timed(step: Step) -> float:
    started = time.perf_counter()
    await step()
    return (time.perf_counter() - started) * 1e3


async def _together(steps: Sequence[Step], num_steps: int) -> float:
    """Return steps a second of all contexts at once."""

    async def walk(step: Step) -> None:
        for _ in range(num_steps):
            await step()

    started = time.perf_counter()
    await asyncio.gather(*map(walk, steps))
    return len(steps) * num_steps / (time.perf_counter() - started)


async def _reset_figures(sandbox: Sandbox) -> dict[str, float]:
    env = Env(TASKS["settings-toggle-v1"], sandbox)
    resets, navigations = [], []
    for seed in range(_NUM_RESETS):
        await asyncio.sleep(0.2)  # an episode's time, in which the pool refills
        resets.append(await _timed(lambda seed=seed: env.reset(seed)))  # type: ignore[misc]
        await asyncio.sleep(0.2)  # the last episode's tab is discarded
        navigations.append(await _timed(lambda: env.step("click e2")))
    await env.close()
    return {
        "reset_p50_ms": statistics.median(resets),
        "navigation_step_p50_ms": statistics.median(navigations),
    }


async def _file_steps_per_s(sandbox: Sandbox) -> float:
    env = Env(FilesTask(), sandbox)
    await env.reset(0)
    started = time.perf_counter()
    for number in range(_NUM_FILE_STEPS):
        result = await env.step(_FILE_ACTIONS[number % len(_FILE_ACTIONS)])
        assert not result.observation.is_error, result
    seconds = time.perf_counter() - started
    await env.close()
    return _NUM_FILE_STEPS / seconds


async def _observation_tokens(sandbox: Sandbox) -> tuple[int, int]:
    """Return the longest observation, whole and by changes, of an oracle episode of each task."""
    full, diff = [0], [0]
    for task in TASKS.values():
        env = Env(task, sandbox)
        before, oracle, is_over = await env.reset(0), OracleAgent(env), False
        while not is_over:
            full.append(estimate_tokens(before.to_text()))
            result = await env.step((await oracle.act(before)).action)
            after, is_over = result.observation, result.is_over
            if after.url == before.url:
                diff.append(estimate_tokens(after.to_text(since=before)))
            before = after
        await env.close()
    return max(full), max(diff)
