"""One episode's place of work: a tab, the sites behind it, a home folder, and the evidence."""

import asyncio
import contextlib
import os
import shutil
from collections import defaultdict
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Self
from urllib.parse import urldefrag

from cairn.sandbox.browser import NOBODY, Browser
from cairn.sandbox.cdp import Params
from cairn.sandbox.errors import ActionError, Boundary, SandboxError, browser_error
from cairn.sandbox.events import EventKind, EventLog, Source
from cairn.sandbox.jail import Jail, ShellResult
from cairn.sandbox.page import START_S, NativeDialog, Page, Snapshot
from cairn.sandbox.server import EpisodeSites, Mounted, SiteServer
from cairn.sandbox.workspace import MAX_BYTES, MAX_NAME_BYTES, Workspace, check_quota

DOWNLOAD_TIMEOUT_S = 20.0
_MAX_SUFFIX_CHARS = 32

_SOURCES = {
    EventKind.AX_CHANGED: Source.AX,
    EventKind.NOTIFICATION_SHOWN: Source.AX,
    EventKind.DIALOG_OPENED: Source.AX,
    EventKind.DIALOG_CLOSED: Source.AX,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What there is to see after a step.

    Attributes:
        url: Address of the page.
        title: Its title.
        page: Snapshot text.
        dialog: The native dialog that is open, if any.
        files: The workspace's listing.
        state_digest: Hash of sites and files.
    """

    url: str
    title: str
    page: str
    dialog: NativeDialog | None
    files: tuple[str, ...]
    state_digest: str


class Desk:
    """Where one episode happens.

    Attributes:
        workspace: The home folder.
        log: The evidence so far.
        view: What there was to see at the last look.
    """

    def __init__(
        self,
        browser: Browser,
        server: SiteServer,
        page: Page | None,
        sites: EpisodeSites,
        home: Workspace,
        jail: Jail | None,
    ) -> None:
        self.workspace = home
        self.log = EventLog()
        self.view: View
        self._browser = browser
        self._server = server
        self._page = page
        self._sites = sites
        self._jail = jail
        self._staging = browser.staging / (page.target if page is not None else "none")
        self._begun: dict[str, Params] = {}
        self._ended: defaultdict[str, asyncio.Queue[Params | None]] = defaultdict(asyncio.Queue)
        self._known_dialog: NativeDialog | None = None
        self._last: Snapshot | None = None
        if page is not None:
            page.listen("Page.downloadWillBegin", self._on_download_begun)
            page.listen("Page.downloadProgress", self._on_download_progress)

    @classmethod
    def open(
        cls,
        *,
        browser: Browser,
        server: SiteServer,
        page: Page | None,
        sites: Mapping[str, Mounted],
        files: Mapping[str, bytes],
        folders: Iterable[str],
        jail: Jail | None,
    ) -> Self:
        """Set up an episode, without a browser if there is no page; nothing is loaded yet.

        Raises:
            SandboxError: If the disk refuses; nothing is left behind then.
        """
        home = Workspace.create(files, folders)
        self = cls(browser, server, page, server.open(sites), home, jail)
        if page is None:
            return self
        try:
            self._staging.mkdir()
            if os.geteuid() == 0:
                os.chown(self._staging, NOBODY, NOBODY)
        except OSError as error:
            home.close()
            raise SandboxError(Boundary.WORKSPACE, f"cannot stage downloads: {error}") from None
        return self

    async def close(self) -> None:
        """Discard the tab, the sites and the files."""
        self._server.close_episode(self._sites)
        self.workspace.close()
        if self._page is None:
            return
        shutil.rmtree(self._staging, ignore_errors=True)
        with contextlib.suppress(SandboxError):
            await self._page.close()

    @property
    def page(self) -> Page:
        """The tab.

        Raises:
            ActionError: If the episode has no browser.
        """
        if self._page is None:
            raise ActionError("this task has no browser; use the file actions")
        return self._page

    async def begin(self, url: str | None) -> None:
        """Load the first page, if there is a browser, and take a first look."""
        if url is not None:
            await self._enter(url)
        await self.look(0)

    async def _enter(self, url: str) -> None:
        behaviour = {
            "behavior": "allowAndName",
            "browserContextId": self.page.context,
            "downloadPath": str(self._staging),
            "eventsEnabled": True,
        }
        await asyncio.gather(
            self._browser.send("Browser.setDownloadBehavior", behaviour),
            self.page.enter(self._sites, url),
        )

    @property
    def hosts(self) -> list[str]:
        """Host names that the episode's tab may visit."""
        return self._sites.hosts

    async def perform(self, action: Awaitable[Any] | None, *, settle_ms: int | None = None) -> None:
        """Carry out a browser action and settle."""
        if settle_ms is None:
            await self.page.perform(action)
        else:
            await self.page.perform(action, settle_ms=settle_ms)

    async def look(self, step: int) -> View:
        """Take in what the step changed: evidence into the log, the rest into a view."""
        self.log.step = step
        self.view = await self._look()
        return self.view

    async def upload(self, ref: str, path: str) -> None:
        """Give a file of the workspace to a file input."""
        source = self.workspace.resolve(path)
        if not source.is_file():
            raise ActionError(f"{path!r} is not a file of the home folder")
        copied = self._staging / "uploads" / source.name
        try:
            copied.parent.mkdir(exist_ok=True)
            shutil.copyfile(source, copied)
            for made in (copied.parent, copied):
                made.chmod(0o755)
            os.utime(copied, (START_S, START_S))  # pages see it as `lastModified`
        except OSError as error:
            raise SandboxError(Boundary.WORKSPACE, f"cannot stage an upload: {error}") from None
        await self.page.upload(ref, copied)

    async def run(self, command: str) -> ShellResult:
        """Run a shell command in the home folder.

        Raises:
            ActionError: If the episode has no shell.
            SandboxError: If the jail cannot be made.
        """
        if self._jail is None:
            raise ActionError("run: this task has no shell; use the file actions")
        try:
            result = await self._jail.run(command, self.workspace.root)
        except OSError as error:
            raise SandboxError(Boundary.JAIL, f"cannot keep the home folder: {error}") from None
        self.log.append(
            Source.PROCESS,
            EventKind.PROCESS_LAUNCHED,
            command=command,
            exit_code=result.exit_code,
        )
        return result

    def _on_download_begun(self, params: Params) -> None:
        self._begun[params["guid"]] = params

    def _on_download_progress(self, params: Params) -> None:
        begun = self._begun[params["guid"]]
        if params["state"] == "inProgress":
            if max(params["receivedBytes"], params["totalBytes"]) > MAX_BYTES:
                self._cancel_download(params["guid"])
            return
        ended = begun if params["state"] == "completed" else None
        self._ended[urldefrag(begun["url"]).url].put_nowait(ended)
        self.page.on_download_ended()

    def _cancel_download(self, guid: str) -> None:
        context = {"guid": guid, "browserContextId": self.page.context}
        cancelled = self._browser.connection.send("Browser.cancelDownload", context)
        # It may have ended meanwhile, and a browser that fails is told of elsewhere.
        cancelled.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _look(self) -> View:
        if self._page is None:
            self.workspace.record_changes(self.log)
            return self._view()
        self._record_reports()
        for change in self._sites.take_changes():
            self.log.append(Source.SITE, EventKind.SITE_STATE_CHANGED, **change)
        if self._sites.failure is not None:
            raise SandboxError(Boundary.SITE, self._sites.failure)
        await self._take_downloads()
        dialog = self.page.dialog
        if dialog is None:
            self._last = self._record_snapshot(await self.page.snapshot(), self._last)
        elif dialog is not self._known_dialog:
            self.log.append(Source.CDP, EventKind.DIALOG_OPENED, name=dialog.text, native=True)
        self._known_dialog = dialog
        return self._view()

    def _view(self) -> View:
        if self._last is None:  # a dialog that opened while the first page loaded
            self._last = Snapshot(
                url="", title="", status=0, page="", is_new_document=False, events=[]
            )
        return View(
            url=self._last.url,
            title=self._last.title,
            page=self._last.page,
            dialog=self._page.dialog if self._page is not None else None,
            files=self.workspace.listing(),
            state_digest=f"{self._sites.digest()} {self.workspace.digest()}",
        )

    def _record_reports(self) -> None:
        reports, self.page.reports = self.page.reports, []
        for kind, data in reports:
            self.log.append(Source.DOM, EventKind(kind), **data)

    def _record_snapshot(self, new: Snapshot, old: Snapshot | None) -> Snapshot:
        if old is None or new.is_new_document or new.url != old.url:
            kind = EventKind.NAVIGATION_COMPLETED
            self.log.append(Source.CDP, kind, url=new.url, status=new.status)
        if old is None or new.title != old.title:
            self.log.append(Source.WINDOW, EventKind.WINDOW_TITLE_CHANGED, title=new.title)
        for name, data in new.events:
            kind = EventKind(name)
            self.log.append(_SOURCES.get(kind, Source.DOM), kind, **data)
        return new

    async def _take_downloads(self) -> None:
        """Move finished downloads into the workspace, then record what changed in it."""
        taken: list[tuple[str, str]] = []
        try:
            async with asyncio.timeout(DOWNLOAD_TIMEOUT_S):
                for url in self._sites.take_attachments():
                    begun = await self._ended[url].get()
                    path = self._take_download(begun) if begun is not None else None
                    if path is not None:
                        taken.append((path, url))
        except TimeoutError:
            raise browser_error(f"a download took over {DOWNLOAD_TIMEOUT_S:.0f} s") from None
        self.workspace.record_changes(self.log)
        for path, url in taken:
            state = self.workspace.file_state(path)
            if state is not None:
                self.log.append(
                    Source.CDP,
                    EventKind.DOWNLOAD_COMPLETED,
                    path=path,
                    size=state.size,
                    sha256=state.sha256,
                    url=url,
                )

    def _take_download(self, begun: Params) -> str | None:
        """Return the path of a download; None where the agent left no room for it."""
        staged = self._staging / begun["guid"]
        try:
            folder = self.workspace.resolve("Downloads")
            check_quota(self.workspace, staged.stat().st_size)
            if folder.exists() and not folder.is_dir():
                return None
            folder.mkdir(exist_ok=True)
            target = _free_path(folder, begun["suggestedFilename"])
            shutil.move(staged, target)
        except ActionError:
            return None
        except OSError as error:
            raise SandboxError(Boundary.WORKSPACE, f"cannot keep a download: {error}") from None
        return str(target.relative_to(self.workspace.root))


def _free_path(folder: Path, suggested: str) -> Path:
    """Return a path that is not taken: `a.csv`, then `a (1).csv`, as browsers do."""
    name = PurePosixPath(PurePosixPath(suggested).name.lstrip(".") or "download")
    suffix, number = name.suffix[:_MAX_SUFFIX_CHARS], 0
    path = folder / _fitting(name.stem, suffix)
    while path.exists():
        number += 1
        path = folder / _fitting(name.stem, f" ({number}){suffix}")
    return path


def _fitting(stem: str, ending: str) -> str:
    room = MAX_NAME_BYTES - len(ending.encode())
    return stem.encode()[:room].decode(errors="ignore") + ending
