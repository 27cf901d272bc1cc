"""One tab under virtual time: trusted input in, settled snapshots out."""

import asyncio
import json
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Self

from cairn.sandbox.browser import Browser
from cairn.sandbox.cdp import CLOSED, Listener, Params
from cairn.sandbox.errors import ActionError, SandboxError, browser_error
from cairn.sandbox.keys import character_key, key_events
from cairn.sandbox.server import HEADER, EpisodeSites

START_S = 1_767_603_600  # Monday 2026-01-05 09:00 UTC, the instant at which every episode begins
SETTLE_MS = 500
LOAD_MS = 500
STEP_TIMEOUT_S = 20.0
_WORLD = "cairn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What the page showed when it was quiescent.

    Attributes:
        url: Address of the document.
        title: Its title.
        status: HTTP status of its response; 0 when there was none.
        page: One line per visible element.
        is_new_document: Whether the document was loaded since the last snapshot.
        events: Kind and data of what was seen in the document, in order.
    """

    url: str
    title: str
    status: int
    page: str
    is_new_document: bool
    events: list[tuple[str, Params]]


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeDialog:
    """An alert, confirm, prompt or beforeunload dialog."""

    kind: str
    text: str


class Page:
    """A tab of its own browser context.

    Attributes:
        dialog: The native dialog that blocks the page, if one is open.
        reports: Inputs that reached elements since they were last taken.
    """

    def __init__(self, browser: Browser, context: str, session: str) -> None:
        self.dialog: NativeDialog | None = None
        self.reports: list[tuple[str, Params]] = []
        self.context = context
        self._browser = browser
        self._session = session
        self._sites: EpisodeSites | None = None
        self._world: int | None = None
        self._is_new_document = False
        self._expired: asyncio.Future[None] | None = None
        self._navigated: asyncio.Future[None] | None = None
        self._download_ended: asyncio.Future[None] | None = None
        self._drag: asyncio.Future[Params] | None = None
        self._clock_ms = START_S * 1000.0
        self._interrupt: asyncio.Future[None] | None = None
        self._suspended: asyncio.Task[None] | None = None
        self._failure: SandboxError | None = None

    @classmethod
    async def open(cls, browser: Browser) -> Self:
        """Make a context with a blank tab whose clock stands at the start instant."""
        send = browser.send
        context = (await send("Target.createBrowserContext", {"disposeOnDetach": True}))[
            "browserContextId"
        ]
        target = (
            await send("Target.createTarget", {"url": "about:blank", "browserContextId": context})
        )["targetId"]
        session = (await send("Target.attachToTarget", {"targetId": target, "flatten": True}))[
            "sessionId"
        ]
        page = cls(browser, context, session)
        page.target = target
        await page._prepare()
        return page

    target = ""

    async def _prepare(self) -> None:
        listen = self._browser.connection.listen
        listen(self._session, "Runtime.executionContextCreated", self._on_world)
        listen(self._session, "Runtime.bindingCalled", self._on_report)
        listen(self._session, "Emulation.virtualTimeBudgetExpired", self._on_expired)
        listen(self._session, "Page.javascriptDialogOpening", self._on_dialog)
        listen(self._session, "Input.dragIntercepted", self._on_drag)
        listen(self._session, "Inspector.targetCrashed", self._on_crash)
        listen(self._session, CLOSED, self._on_closed)
        listen(self._session, "Page.frameNavigated", self._on_navigated)
        listen(self._session, "Page.navigatedWithinDocument", self._on_navigated)
        virtual_time = {"policy": "pause", "initialVirtualTime": START_S}
        script = {"source": _script(), "worldName": _WORLD, "runImmediately": True}
        await asyncio.gather(
            self._send("Emulation.setVirtualTimePolicy", virtual_time),
            self._send("Page.enable"),
            self._send("Network.enable", {"maxTotalBufferSize": 0, "maxResourceBufferSize": 0}),
            self._send("Network.setBypassServiceWorker", {"bypass": True}),
            self._send("Emulation.setTimezoneOverride", {"timezoneId": "UTC"}),
            self._send("Emulation.setLocaleOverride", {"locale": "en-US"}),
            self._send("Emulation.setFocusEmulationEnabled", {"enabled": True}),
            self._send(
                "Runtime.addBinding", {"name": "cairnReport", "executionContextName": _WORLD}
            ),
            self._send("Page.addScriptToEvaluateOnNewDocument", script),
            self._send("Runtime.enable"),
            # With the overlay on, mouse moves reach the page at once, not with the next frame.
            self._send("DOM.enable"),
            self._send("Overlay.enable"),
        )

    def listen(self, method: str, listener: Listener) -> None:
        """Call `listener` with the parameters of each such event of the tab."""
        self._browser.connection.listen(self._session, method, listener)

    async def close(self) -> None:
        """Discard the context."""
        if self._suspended is not None:
            self._suspended.cancel()
        self._browser.connection.forget(self._session)
        if self._browser.is_alive:
            await self._browser.send(
                "Target.disposeBrowserContext", {"browserContextId": self.context}
            )

    async def enter(self, sites: EpisodeSites, url: str) -> None:
        """Join an episode and load its first page."""
        self._sites = sites
        await self._send("Network.setExtraHTTPHeaders", {"headers": {HEADER: sites.token}})
        await self.perform(self.goto(url))

    # Actions. Each is a coroutine for `perform`, which settles the page after it.

    async def goto(self, url: str) -> None:
        """Navigate."""
        assert self._sites is not None
        with self._sites.admitting_documents():
            answer = await self._send("Page.navigate", {"url": url})
        # A download is reported as an aborted navigation.
        if answer.get("errorText", "net::ERR_ABORTED") != "net::ERR_ABORTED":
            await self._settle(LOAD_MS)  # the browser's own error page has replaced the document
            raise ActionError(f"the page did not load: {answer['errorText']}")

    async def go(self, delta: int) -> None:
        """Go back or forward in the history."""
        history = await self._send("Page.getNavigationHistory")
        index = history["currentIndex"] + delta
        if not 1 <= index < len(history["entries"]):  # entry 0 is the blank tab
            raise ActionError(f"there is no page to go {'back' if delta < 0 else 'forward'} to")
        entry = history["entries"][index]["id"]
        assert self._sites is not None
        self._navigated = asyncio.get_running_loop().create_future()
        with self._sites.admitting_documents():
            await self._send("Page.navigateToHistoryEntry", {"entryId": entry})
            await self._navigated

    async def click(self, ref: str, *, count: int = 1) -> None:
        """Click an element with the mouse."""
        spot = await self._call(f"point({ref!r})")
        mouse = {"x": spot["x"], "y": spot["y"], "button": "left"}
        sent = [
            self._send("Input.dispatchMouseEvent", {"type": kind, **mouse, "clickCount": number})
            for number in range(1, count + 1)
            for kind in ("mousePressed", "mouseReleased")
        ]
        await asyncio.gather(*sent)

    async def hover(self, ref: str) -> None:
        """Move the mouse onto an element."""
        spot = await self._call(f"point({ref!r})")
        move = {"type": "mouseMoved", "x": spot["x"], "y": spot["y"]}
        await self._send("Input.dispatchMouseEvent", move)

    async def drag(self, ref: str, onto: str) -> None:
        """Drag an element onto another with the mouse.

        Where the page uses the drag and drop of HTML, Chromium hands the drag over after its first
        move, and takes drag events for the rest.
        """
        spots = await self._call(f"dragPoints({ref!r}, {onto!r})")
        start, end = spots["from"], spots["onto"]
        self._drag = asyncio.get_running_loop().create_future()
        await self._send("Input.setInterceptDrags", {"enabled": True})
        await self._mouse("mousePressed", start)
        for share in (0.1, 0.5):
            await self._mouse("mouseMoved", _between(start, end, share))
        if (await self._call("dragBegun()"))["isNative"]:
            drag = await self._drag
            for kind in ("dragEnter", "dragOver", "drop"):
                await self._send("Input.dispatchDragEvent", {"type": kind, **end, "data": drag})
        else:
            await self._mouse("mouseMoved", end)
            await self._mouse("mouseReleased", end)
        await self._send("Input.setInterceptDrags", {"enabled": False})

    def _mouse(self, kind: str, spot: Params) -> "asyncio.Future[Params]":
        held = {"button": "left", "buttons": 0 if kind == "mouseReleased" else 1, "clickCount": 1}
        return self._send("Input.dispatchMouseEvent", {"type": kind, **spot, **held})

    async def fill(self, ref: str, text: str) -> None:
        """Replace a field's text."""
        field = await self._call(f"focus({ref!r}, false)")
        if field["needsValue"]:
            await self._call(f"setValue({ref!r}, {json.dumps(text)})")
        elif text:
            await self._send("Input.insertText", {"text": text})
        elif not field["isEmpty"]:
            await self.press("Delete")

    async def type(self, ref: str, text: str) -> None:
        """Add to a field's text, with the keys that write it; what no key writes is inserted."""
        await self._call(f"focus({ref!r}, true)")
        sent: list[asyncio.Future[Params]] = []
        for character in text:
            if character_key(character) is not None:
                sent += self._strike("Enter" if character == "\n" else character)
            else:
                sent.append(self._send("Input.insertText", {"text": character}))
        await asyncio.gather(*sent)

    async def press(self, key: str) -> None:
        """Press and release a key, with modifiers such as `Control+a`."""
        await asyncio.gather(*self._strike(key))

    def _strike(self, key: str) -> "list[asyncio.Future[Params]]":
        return [self._send("Input.dispatchKeyEvent", event) for event in key_events(key)]

    async def select(self, ref: str, option: str) -> None:
        """Choose an option of a list box."""
        chosen = await self._call(f"select({ref!r}, {json.dumps(option)})")
        if chosen["key"] is not None:
            await self.press(chosen["key"])

    async def scroll(self, direction: str) -> None:
        """Scroll by most of a screen."""
        sign = -1 if direction == "up" else 1
        await self._evaluate(f"scrollBy({{top: {sign} * innerHeight * 0.8, behavior: 'instant'}})")

    async def upload(self, ref: str, file: Path) -> None:
        """Give a file, readable by the browser, to a file input."""
        await self._call(f"fileInput({ref!r})")
        found = await self._send(
            "Runtime.evaluate", {"expression": "cairn.chosenInput", "contextId": self._world}
        )
        node = {"objectId": found["result"]["objectId"], "files": [str(file)]}
        await self._send("DOM.setFileInputFiles", node)

    async def read(self, ref: str) -> Params:
        """Return an element's role, name and text."""
        return await self._call(f"read({ref!r})")

    # Settling

    async def perform(self, action: Awaitable[Any] | None, *, settle_ms: int = SETTLE_MS) -> None:
        """Carry out an action and let the page settle, or stop at a native dialog.

        Args:
            action: What to do first; None only lets the clock run.
            settle_ms: Virtual milliseconds that the page gets.

        Raises:
            ActionError: If the action is not possible; nothing has changed then.
            SandboxError: If the page does not settle in time or the browser fails.
        """
        if self._failure is not None and asyncio.iscoroutine(action):
            action.close()  # it will not be awaited
        await self._race(self._act_and_settle(action, settle_ms))

    async def answer_dialog(self, *, accept: bool, text: str | None) -> None:
        """Answer the native dialog and finish the step that it interrupted."""
        is_stay = self.dialog is not None and self.dialog.kind == "beforeunload" and not accept
        self.dialog = None
        reply: Params = {"accept": accept}
        if text is not None:
            reply["promptText"] = text
        suspended, self._suspended = self._suspended, None
        await self._send("Page.handleJavaScriptDialog", reply)
        if is_stay:
            self._end_navigation()
        await self._race(self._finish(suspended))

    async def snapshot(self) -> Snapshot:
        """Describe the page as it stands."""
        seen = json.loads(await self._evaluate("cairn.snapshot()"))
        self._clock_ms = seen["now"]
        is_new, self._is_new_document = self._is_new_document, False
        return Snapshot(
            url=seen["url"],
            title=seen["title"],
            status=seen["status"],
            page=seen["page"],
            is_new_document=is_new,
            events=[(kind, data) for kind, data in seen["events"]],
        )

    async def _finish(self, suspended: asyncio.Task[None] | None) -> None:
        if suspended is not None:
            await suspended

    async def _race(self, work: Coroutine[Any, Any, None]) -> None:
        if self._failure is not None:
            work.close()
            raise self._failure
        self._interrupt = asyncio.get_running_loop().create_future()
        if self.dialog is not None:  # it opened while the one before was being answered
            self._stop_waiting()
        task = asyncio.create_task(work)
        # Where nobody waits for it any more, its failure is that of the page, told elsewhere.
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        try:
            done, _ = await asyncio.wait(
                {task, self._interrupt},
                timeout=STEP_TIMEOUT_S,
                return_when=asyncio.FIRST_COMPLETED,
            )
        except asyncio.CancelledError:
            task.cancel()
            raise
        if task in done:
            return task.result()
        if self.dialog is not None:
            self._suspended = task
            return None
        task.cancel()
        self._failure = self._failure or browser_error(
            f"the page did not settle within {STEP_TIMEOUT_S:.0f} s"
        )
        raise self._failure

    async def _act_and_settle(self, action: Awaitable[Any] | None, settle_ms: int) -> None:
        if action is not None:
            await action
        await self._settle(settle_ms)

    async def _settle(self, settle_ms: int) -> None:
        assert self._sites is not None
        loop = asyncio.get_running_loop()
        self._expired, self._download_ended = loop.create_future(), loop.create_future()
        # A click that navigates holds the command back until the new document is there, so the
        # document must be answered before; what it fetches waits for the settle to have begun.
        with self._sites.admitting_documents():
            await self._run_clock("pauseIfNetworkFetchesPending", settle_ms)
            self._sites.gate.set()
            ends = {self._expired, self._download_ended}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if not self._expired.done():
                await self._run_out(self._clock_ms + settle_ms)
        self._sites.gate.clear()

    async def _run_out(self, end_ms: float) -> None:
        """Let the clock run to `end_ms` past a navigation that became a download.

        Chromium may count such a navigation as pending for good, which would stop the clock.
        """
        await self._send("Emulation.setVirtualTimePolicy", {"policy": "pause"})
        self._expired = asyncio.get_running_loop().create_future()
        rest_ms = end_ms - await self._evaluate("Date.now()")
        if rest_ms > 0:
            await self._run_clock("advance", rest_ms)
            await self._expired

    async def _run_clock(self, policy: str, budget_ms: float) -> None:
        budget = {
            "policy": policy,
            "budget": budget_ms,
            "maxVirtualTimeTaskStarvationCount": 10_000,
        }
        await self._send("Emulation.setVirtualTimePolicy", budget)

    def on_download_ended(self) -> None:
        """Note that a download of this tab has ended."""
        if self._download_ended is not None and not self._download_ended.done():
            self._download_ended.set_result(None)

    # The isolated world

    async def _call(self, call: str) -> Params:
        result: Params = await self._evaluate(f"cairn.{call}")
        if "error" in result:
            raise ActionError(result["error"])
        return result

    async def _evaluate(self, expression: str) -> Any:
        if self._world is None:
            raise browser_error("the page has no document")
        call = {"expression": expression, "contextId": self._world, "returnByValue": True}
        try:
            async with asyncio.timeout(STEP_TIMEOUT_S):
                answer = await self._send("Runtime.evaluate", call)
        except TimeoutError:
            raise browser_error(f"the page did not answer within {STEP_TIMEOUT_S:.0f} s") from None
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise browser_error(f"snapshot script: {details.get('exception', details)}")
        return answer["result"].get("value")

    def _send(self, method: str, params: Params | None = None) -> "asyncio.Future[Params]":
        return self._browser.connection.send(method, params, self._session)

    def _on_world(self, params: Params) -> None:
        context = params["context"]
        if context["name"] == _WORLD and context["auxData"].get("frameId") == self.target:
            self._world = context["id"]
            self._is_new_document = True

    def _on_report(self, params: Params) -> None:
        kind, data = json.loads(params["payload"])
        self.reports.append((kind, data))

    def _on_expired(self, _: Params) -> None:
        if self._expired is not None and not self._expired.done():
            self._expired.set_result(None)

    def _on_navigated(self, params: Params) -> None:
        frame = params["frame"]["id"] if "frame" in params else params["frameId"]
        if frame == self.target:
            self._end_navigation()

    def _end_navigation(self) -> None:
        if self._navigated is not None and not self._navigated.done():
            self._navigated.set_result(None)

    def _on_dialog(self, params: Params) -> None:
        self.dialog = NativeDialog(kind=params["type"], text=params["message"])
        self._stop_waiting()

    def _on_drag(self, params: Params) -> None:
        if self._drag is not None and not self._drag.done():
            self._drag.set_result(params["data"])

    def _on_crash(self, _: Params) -> None:
        self._failure = browser_error("the page's process crashed")
        self._stop_waiting()

    def _on_closed(self, _: Params) -> None:
        self._failure = self._failure or browser_error("browser has gone")
        self._stop_waiting()

    def _stop_waiting(self) -> None:
        if self._interrupt is not None and not self._interrupt.done():
            self._interrupt.set_result(None)


@cache
def _script() -> str:
    return resources.files("cairn.sandbox").joinpath("page.js").read_text(encoding="utf-8")


def _between(start: Params, end: Params, share: float) -> Params:
    """Return the point on the way from one to the other."""
    return {axis: start[axis] + (end[axis] - start[axis]) * share for axis in ("x", "y")}
