"""The sandbox: one Chromium and one site server, shared by many episodes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from cairn.sandbox.browser import Browser
from cairn.sandbox.desk import Desk
from cairn.sandbox.errors import SandboxError
from cairn.sandbox.jail import Jail, find_jail
from cairn.sandbox.page import Page
from cairn.sandbox.server import Mounted, SiteServer

POOL_SIZE = 4


class Sandbox:
    """Opens desks; starts Chromium again when it has crashed.

    Attributes:
        num_restarts: How often Chromium had to be started again.
    """

    def __init__(self, server: SiteServer, browser: Browser, executable: Path | None) -> None:
        self.num_restarts = 0
        self._server = server
        self._browser = browser
        self._executable = executable
        self._desks: set[Desk] = set()
        self._pool: asyncio.Queue[Page] = asyncio.Queue()
        self._warmer: asyncio.Task[None] | None = None
        self._chores: set[asyncio.Task[None]] = set()
        self._restarting = asyncio.Lock()
        self._jail: Jail | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, *, executable: Path | None = None, port: int = 0) -> AsyncIterator[Self]:
        """Start a sandbox and stop it at the end of the block.

        Args:
            executable: Chromium; found by `find_chromium` when None.
            port: Port of the site server; 0 takes a free one.

        Raises:
            SetupError: If there is no Chromium or the port is taken.
        """
        self = await cls.start(executable=executable, port=port)
        try:
            yield self
        finally:
            await self.close()

    @classmethod
    async def start(cls, *, executable: Path | None = None, port: int = 0) -> Self:
        """Start a sandbox; the caller closes it."""
        server = await SiteServer.start(port)
        try:
            browser = await Browser.launch(site_port=server.port, executable=executable)
        except BaseException:
            await server.close()
            raise
        return cls(server, browser, executable)

    async def close(self) -> None:
        """End Chromium, the site server and every desk that is still open."""
        if self._warmer is not None:
            self._warmer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._warmer
        await asyncio.gather(*self._chores)
        for desk in list(self._desks):
            await self.close_desk(desk)
        await self._browser.close()
        await self._server.close()

    @property
    def process_id(self) -> int:
        """Process id of Chromium."""
        return self._browser.process.pid

    async def open_desk(
        self,
        *,
        url: str | None,
        sites: Mapping[str, Mounted],
        files: Mapping[str, bytes],
        folders: Iterable[str],
        has_shell: bool = False,
    ) -> Desk:
        """Set up an episode's place of work.

        Args:
            url: The first page, which is loaded; None sets up no browser.
            sites: What the browser can reach, by name.
            files: Content by path, relative to the home folder.
            folders: Empty folders to make.
            has_shell: Whether commands can be run.

        Raises:
            SandboxError: If the browser or the disk fails; nothing is left behind then.
            SetupError: If it shall have a shell and the machine has no jail.
        """
        if has_shell and self._jail is None:
            self._jail = await find_jail()
        page = None
        if url is not None:
            await self._ensure_browser()
            page = await self._take_page()
        try:
            desk = Desk.open(
                browser=self._browser,
                server=self._server,
                page=page,
                sites=sites,
                files=files,
                folders=folders,
                jail=self._jail if has_shell else None,
            )
        except SandboxError:
            if page is not None:
                await page.close()
            raise
        self._desks.add(desk)
        try:
            await desk.begin(url)
        except BaseException:
            await self.close_desk(desk)
            raise
        self._warm_up()
        return desk

    def do_later(self, chore: Coroutine[Any, Any, None]) -> None:
        """Do something beside what comes next, at the latest when the sandbox closes."""
        task = asyncio.create_task(chore)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    async def close_desk(self, desk: Desk) -> None:
        """Discard an episode's place of work."""
        self._desks.discard(desk)
        await desk.close()

    async def _take_page(self) -> Page:
        """Return a blank tab, from the pool when one is ready."""
        if self._pool.empty():
            return await Page.open(self._browser)
        return self._pool.get_nowait()

    def _warm_up(self) -> None:
        """Have the pool refilled, now that the last tab taken from it has loaded its page."""
        if self._warmer is None or self._warmer.done():
            self._warmer = asyncio.create_task(self._fill_pool())

    async def _fill_pool(self) -> None:
        with contextlib.suppress(SandboxError):  # The next desk meets the failure and restarts.
            while self._pool.qsize() < POOL_SIZE:
                self._pool.put_nowait(await Page.open(self._browser))

    async def _ensure_browser(self) -> None:
        async with self._restarting:
            if self._browser.is_alive:
                return
            await self._browser.close()
            while not self._pool.empty():
                self._pool.get_nowait()
            self._browser = await Browser.launch(
                site_port=self._server.port, executable=self._executable
            )
            self.num_restarts += 1
