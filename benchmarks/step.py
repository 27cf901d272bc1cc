"""One environment step beside the same step through Playwright, in one run.

Both work on the same page of the same kind of server: a trusted click starts a one-second timer,
the step settles in virtual time, and the snapshot must show the timer's effect. "Floor" is the
least that this takes through Playwright's own connection and its aria snapshot, without rewards;
"step" is `Env.step` from the compact action to observation and reward. The two alternate, so that
their ratio holds on a busy machine.

Usage: python benchmarks/step.py [--json] [--steps N]
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import threading
import time
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import uvicorn
from playwright.async_api import CDPSession, Page, async_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from cairn.envs.actions import Action
from cairn.envs.core import Env
from cairn.envs.observation import Observation
from cairn.envs.sites import SITES, Site
from cairn.envs.task import Category, Task
from cairn.envs.tasks import TASKS
from cairn.envs.world import World
from cairn.rewards.detectors import NotificationShown
from cairn.rewards.milestones import Detector, Milestone
from cairn.sandbox.chromium import find_chromium
from cairn.sandbox.sandbox import Sandbox

START_S = 1_767_603_600
NUM_CONTEXTS = 4
ROWS = "".join(
    f"<tr><td>row {i}</td><td>{i * 7}</td><td><button>Open {i}</button></td></tr>"
    for i in range(12)
)
PAGE = f"""<!doctype html><html lang="en"><title>Reports</title><h1>Reports</h1>
<nav><a href="/a">Home</a> <a href="/b">Reports</a></nav><p role="status" id="d"></p>
<button id="s" onclick="setTimeout(() => {{
document.getElementById('d').textContent = 'saved ' + Date.now() }}, 100)">Save</button>
<form><label>Name <input name="n"></label> <label>Email <input name="e" type="email"></label></form>
<table>{ROWS}</table></html>"""


async def page(request: Request) -> HTMLResponse:
    """Serve the one page."""
    del request
    return HTMLResponse(PAGE)


APP = Starlette(routes=[Route("/{path:path}", page)])


class Click(Task[None]):
    """Click one button for ever."""

    name = "bench-click"
    category = Category.WEB
    start_url = "http://bench.localhost/"
    max_steps = 10**9

    def draw(self, rng: random.Random) -> None:
        """See `Task`."""

    def setup(self, world: World, facts: None) -> None:
        """See `Task`."""
        world.site("bench")

    def goal(self, facts: None) -> str:
        """See `Task`."""
        return "Click Save."

    def milestones(self, facts: None) -> tuple[Milestone, ...]:
        """See `Task`."""
        return (Milestone(name="never", value=0.5, detector=NotificationShown("never")),)

    def goal_check(self, facts: None) -> Detector:
        """See `Task`."""
        return NotificationShown("never")

    def oracle(self, facts: None, observation: Observation) -> Generator[Action, Observation, None]:
        """See `Task`."""
        raise NotImplementedError


class FloorPage:
    """A tab driven through Playwright."""

    def __init__(self, tab: Page, session: CDPSession) -> None:
        self.tab, self.session = tab, session
        self.x = self.y = 0.0

    @classmethod
    async def open(cls, browser: Any, url: str) -> "FloorPage":
        """Open a context of its own under virtual time."""
        context = await browser.new_context()
        tab = await context.new_page()
        self = cls(tab, await context.new_cdp_session(tab))
        await self.session.send(
            "Emulation.setVirtualTimePolicy", {"policy": "pause", "initialVirtualTime": START_S}
        )
        await self.session.send("Page.navigate", {"url": url})
        await self.settle()
        centre = """(() => { const r = document.querySelector('#s').getBoundingClientRect();
            return [r.x + r.width / 2, r.y + r.height / 2] })()"""
        answer = await self.session.send(
            "Runtime.evaluate", {"expression": centre, "returnByValue": True}
        )
        self.x, self.y = answer["result"]["value"]
        return self

    async def settle(self) -> None:
        """Let 500 virtual milliseconds pass."""
        expired = asyncio.get_running_loop().create_future()
        self.session.once(
            "Emulation.virtualTimeBudgetExpired",
            lambda _: expired.done() or expired.set_result(None),
        )
        policy = {"policy": "pauseIfNetworkFetchesPending", "budget": 500}
        await self.session.send("Emulation.setVirtualTimePolicy", policy)
        await expired

    async def step(self) -> None:
        """Click, settle, snapshot."""
        mouse = {"x": self.x, "y": self.y, "button": "left", "clickCount": 1}
        await asyncio.gather(
            *(
                self.session.send("Input.dispatchMouseEvent", {"type": kind, **mouse})
                for kind in ("mousePressed", "mouseReleased")
            )
        )
        await self.settle()
        text = await self.tab.locator("body").aria_snapshot()
        assert "saved 17676" in text, text[:200]


async def env_step(env: Env) -> None:
    """Take the same step in an environment."""
    result = await env.step("click e3")
    assert "saved 17676" in result.observation.page, result
    assert result.reward == 0.0


async def timed(step: Callable[[], Awaitable[None]]) -> float:
    """Return how many milliseconds a step takes."""
    started = time.perf_counter()
    await step()
    return (time.perf_counter() - started) * 1e3


async def together(steps: list[Callable[[], Awaitable[None]]], num_steps: int) -> float:
    """Return steps a second with all contexts at once."""

    async def walk(step: Callable[[], Awaitable[None]]) -> None:
        for _ in range(num_steps):
            await step()

    started = time.perf_counter()
    await asyncio.gather(*map(walk, steps))
    return len(steps) * num_steps / (time.perf_counter() - started)


async def suite_figures(sandbox: Sandbox, num_resets: int) -> dict[str, float]:
    """Measure resets and navigating steps on the suite's own pages."""
    env = Env(TASKS["settings-toggle-v1"], sandbox)
    resets, navigations = [], []
    for seed in range(num_resets):
        await asyncio.sleep(0.2)  # the pool of blank tabs refills between episodes
        started = time.perf_counter()
        await env.reset(seed)
        resets.append((time.perf_counter() - started) * 1e3)
        started = time.perf_counter()
        await env.step("click e2")
        navigations.append((time.perf_counter() - started) * 1e3)
    await env.close()
    return {
        "reset_p50_ms": statistics.median(resets),
        "navigation_step_p50_ms": statistics.median(navigations),
    }


def serve_floor() -> int:
    """Serve the page on a port of its own, in a thread; return the port."""
    server = uvicorn.Server(uvicorn.Config(APP, port=0, log_level="error"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.01)
    return int(server.servers[0].sockets[0].getsockname()[1])


async def measure(num_steps: int) -> dict[str, float]:
    """Run both ways in turn."""
    SITES["bench"] = Site(name="bench", schema="create table rows (id integer)", app=APP)
    port = serve_floor()
    async with Sandbox.open() as sandbox, async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=os.fspath(find_chromium()),
            chromium_sandbox=os.geteuid() != 0,
            args=[f"--host-resolver-rules=MAP * 127.0.0.1:{port}"],
        )
        floors = [
            await FloorPage.open(browser, f"http://floor{i}.localhost/")
            for i in range(NUM_CONTEXTS)
        ]
        envs = [Env(Click(), sandbox) for _ in range(NUM_CONTEXTS)]
        for env in envs:
            await env.reset(0)
        floor_ms, step_ms = [], []
        for _ in range(num_steps):
            floor_ms.append(await timed(floors[0].step))
            step_ms.append(await timed(lambda: env_step(envs[0])))
        each = num_steps // 2
        result = {
            "floor_step_p50_ms": statistics.median(floor_ms),
            "step_p50_ms": statistics.median(step_ms),
            "step_p99_ms": statistics.quantiles(step_ms, n=100)[98],
            "ratio_p50": statistics.median(step_ms) / statistics.median(floor_ms),
            "floor_steps_per_s": await together([floor.step for floor in floors], each),
            "steps_per_s": await together([(lambda e=env: env_step(e)) for env in envs], each),
            "contexts": float(NUM_CONTEXTS),
        }
        await browser.close()
        for env in envs:
            await env.close()
        return {**result, **await suite_figures(sandbox, num_resets=12)}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--steps", type=int, default=200)
    arguments = parser.parse_args()
    result = asyncio.run(measure(arguments.steps))
    rounded = {name: round(value, 2) for name, value in result.items()}
    if arguments.json:
        print(json.dumps(rounded))
    else:
        for name, value in rounded.items():
            print(f"{name:28s} {value:10.2f}")


if __name__ == "__main__":
    main()
