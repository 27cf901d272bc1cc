"""The floor: what one step takes through Playwright's own connection, without rewards.

A trusted click starts a timer of a tenth of a second, the page settles in virtual time, and an aria
snapshot shows the timer's effect. It is the least that a suite built on Playwright would need.
"""

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator

import uvicorn
from playwright.async_api import Browser, CDPSession, Page, async_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from cairn.sandbox.chromium import find_chromium
from cairn.sandbox.page import SETTLE_MS, START_S

_ROWS = "".join(
    f"<tr><td>row {i}</td><td>{i * 7}</td><td><button>Open {i}</button></td></tr>"
    for i in range(12)
)
_PAGE = f"""<!doctype html><html lang="en"><title>Reports</title><h1>Reports</h1>
<nav><a href="/a">Home</a> <a href="/b">Reports</a></nav><p role="status" id="d"></p>
<button id="s" onclick="setTimeout(() => {{
document.getElementById('d').textContent = 'saved ' + Date.now() }}, 100)">Save</button>
<form><label>Name <input name="n"></label> <label>Email <input name="e" type="email"></label></form>
<table>{_ROWS}</table></html>"""
_MIDDLE = """(() => { const box = document.querySelector('#s').getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2] })()"""

SAVED = f"saved {str(START_S)[:5]}"
"""What the page says after each step, with the beginning of the virtual time."""


async def _page(_: Request) -> HTMLResponse:
    return HTMLResponse(_PAGE)


APP = Starlette(routes=[Route("/{path:path}", _page)])


class FloorPage:
    """A tab of its own context, driven through Playwright under virtual time."""

    def __init__(self, tab: Page, session: CDPSession) -> None:
        self._tab, self._session = tab, session
        self._x = self._y = 0.0

    @classmethod
    async def open(cls, browser: Browser, url: str) -> "FloorPage":
        """Open the context and load the page."""
        context = await browser.new_context()
        tab = await context.new_page()
        self = cls(tab, await context.new_cdp_session(tab))
        await self._session.send(
            "Emulation.setVirtualTimePolicy", {"policy": "pause", "initialVirtualTime": START_S}
        )
        await self._session.send("Page.navigate", {"url": url})
        await self._settle()
        answer = await self._session.send(
            "Runtime.evaluate", {"expression": _MIDDLE, "returnByValue": True}
        )
        self._x, self._y = answer["result"]["value"]
        return self

    async def step(self) -> None:
        """Click, settle, snapshot."""
        mouse = {"x": self._x, "y": self._y, "button": "left", "clickCount": 1}
        await asyncio.gather(
            *(
                self._session.send("Input.dispatchMouseEvent", {"type": kind, **mouse})
                for kind in ("mousePressed", "mouseReleased")
            )
        )
        await self._settle()
        text = await self._tab.locator("body").aria_snapshot()
        assert SAVED in text, text[:200]

    async def _settle(self) -> None:
        expired: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def on_expired(_: object) -> None:
            if not expired.done():
                expired.set_result(None)

        self._session.once("Emulation.virtualTimeBudgetExpired", on_expired)
        policy = {"policy": "pauseIfNetworkFetchesPending", "budget": SETTLE_MS}
        await self._session.send("Emulation.setVirtualTimePolicy", policy)
        await expired


@contextlib.asynccontextmanager
async def floor_pages(count: int) -> AsyncIterator[list[FloorPage]]:
    """Open pages in a browser that Playwright launches, served from a thread."""
    with _server() as port:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=os.fspath(find_chromium()),
                chromium_sandbox=os.geteuid() != 0,
                args=[f"--host-resolver-rules=MAP * 127.0.0.1:{port}"],
            )
            yield [
                await FloorPage.open(browser, f"http://floor{number}.localhost/")
                for number in range(count)
            ]
            await browser.close()


@contextlib.contextmanager
def _server() -> Iterator[int]:
    server = uvicorn.Server(uvicorn.Config(APP, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield int(server.servers[0].sockets[0].getsockname()[1])
    server.should_exit = True
    thread.join()
