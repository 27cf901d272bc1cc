"""The site server: real HTTP on the loopback interface, one server for every episode.

An unguessable header, set on the browser context, selects the episode; the host name selects the
site. An answer is held until the page's settle has begun, and an episode's requests are answered
one after the other, so that real latency never shows in the page's virtual time.
"""

import asyncio
import contextlib
import html
import secrets
import socket
import sqlite3
from collections.abc import Generator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Self

import uvicorn

from cairn.sandbox.errors import Boundary, SandboxError, SetupError
from cairn.sandbox.events import Json
from cairn.sandbox.site_state import RowChange, SiteState

HEADER = "x-cairn-episode"

Scope = MutableMapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounted:
    """A site as one episode sees it.

    Attributes:
        app: ASGI application, shared by all episodes.
        database: The episode's own state of the site.
    """

    app: Any
    database: sqlite3.Connection


class EpisodeSites:
    """The sites of one episode.

    Attributes:
        token: Value of the header that selects this episode.
        gate: Set while the page settles; requests wait for it.
        failure: Why a site could not answer; None while all is well.
    """

    def __init__(self, sites: Mapping[str, Mounted]) -> None:
        self.token = secrets.token_hex(16)
        self.gate = asyncio.Event()
        self.failure: str | None = None
        self._sites = {f"{name}.localhost": mounted for name, mounted in sites.items()}
        self._states = {name: SiteState(m.database) for name, m in sites.items()}
        self._in_turn = asyncio.Lock()
        self._document_gate = asyncio.Event()
        self._is_closed = False
        self._changes: list[tuple[str, RowChange]] = []
        self._attachments: list[str] = []

    @property
    def hosts(self) -> list[str]:
        """Host names that exist in this episode."""
        return sorted(self._sites)

    def close(self) -> None:
        """Refuse every request from now on, those that wait too."""
        self._is_closed = True
        self.gate.set()
        self._document_gate.set()

    def take_changes(self) -> list[dict[str, Json]]:
        """Return the rows that changed since the last call, as event data."""
        taken, self._changes = self._changes, []
        return [{"site": site, **change.to_json()} for site, change in taken]

    def take_attachments(self) -> list[str]:
        """Return the addresses of the downloads answered since the last call, in order."""
        taken, self._attachments = self._attachments, []
        return taken

    def digest(self) -> str:
        """Return a hash of the whole state of all sites."""
        return ",".join(f"{name}:{state.digest}" for name, state in sorted(self._states.items()))

    @contextlib.contextmanager
    def admitting_documents(self) -> Generator[None, None, None]:
        """Answer navigations although the page does not settle yet.

        A navigation that the browser starts, unlike a click on a link, does not hold virtual time.
        """
        self._document_gate.set()
        try:
            yield
        finally:
            self._document_gate.clear()

    async def serve(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer one request of this episode."""
        host = _header(scope, b"host").partition(":")[0]
        mounted = self._sites.get(host)
        if mounted is None:
            await _refuse(send, f"no site named {host!r} in this episode")
            return
        is_document = _header(scope, b"sec-fetch-dest") == "document"
        await (self._document_gate if is_document else self.gate).wait()
        if self._is_closed:
            await _refuse(send, "the episode is over")
            return
        async with self._in_turn:
            scope["state"] = {"database": mounted.database}
            try:
                await mounted.app(scope, receive, self._watching(scope, send))
            except Exception as error:  # noqa: BLE001 - the site's boundary: recorded, then void
                self.failure = f"{host}: {type(error).__name__}: {error}"
                with contextlib.suppress(RuntimeError):
                    await _refuse(send, "the site failed", status=500)
            if self._is_closed:
                return
            name = host.removesuffix(".localhost")
            self._changes += [(name, change) for change in self._states[name].take_changes()]

    def _watching(self, scope: Scope, send: Any) -> Any:
        is_navigation = _header(scope, b"sec-fetch-dest") in {"document", "iframe"}

        async def watched(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start" and is_navigation:
                disposition = _header(message, b"content-disposition").lower()
                if disposition.startswith("attachment") and message["status"] < 300:
                    self._attachments.append(_address(scope))
            await send(message)

        return watched


class SiteServer:
    """Listens on a port of its own and hands each request to its episode."""

    def __init__(self, listener: socket.socket) -> None:
        self._server = _Server(_config(self._dispatch))
        self._listener = listener
        self._episodes: dict[str, EpisodeSites] = {}
        self._task: asyncio.Task[None] | None = None
        self.port: int = listener.getsockname()[1]

    @classmethod
    async def start(cls, port: int = 0) -> Self:
        """Start to listen on 127.0.0.1.

        Args:
            port: The port; 0 takes a free one.

        Raises:
            SetupError: If the port is taken.
        """
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            listener.close()
            raise SetupError(
                f"port {port} of the site server: {error.strerror}; name another, or 0 for any"
            ) from None
        self = cls(listener)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started:
            if self._task.done():
                raise SandboxError(Boundary.SITE, "the site server did not start")
            await asyncio.sleep(0)
        return self

    @property
    def is_alive(self) -> bool:
        """Whether it still serves."""
        return self._task is not None and not self._task.done()

    def open(self, sites: Mapping[str, Mounted]) -> EpisodeSites:
        """Mount an episode's sites."""
        episode = EpisodeSites(sites)
        self._episodes[episode.token] = episode
        return episode

    def close_episode(self, episode: EpisodeSites) -> None:
        """Unmount an episode's sites and refuse what still waits."""
        self._episodes.pop(episode.token, None)
        episode.close()

    async def close(self) -> None:
        """Stop serving."""
        self._server.should_exit = True
        self._server.force_exit = True
        if self._task is not None:
            await self._task
        self._listener.close()

    async def _dispatch(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        episode = self._episodes.get(_header(scope, HEADER.encode()))
        if episode is None:
            await _refuse(send, "no such episode")
        else:
            await episode.serve(scope, receive, send)


class _Server(uvicorn.Server):
    """Leaves the signal handlers of the program that uses it alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def _config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        interface="asgi3",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="error",  # what a page sends wrongly is no news
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=3600,
        timeout_graceful_shutdown=1,
    )


def _header(scope: Scope, name: bytes) -> str:
    for key, value in scope.get("headers", []):
        if key.lower() == name:
            return str(value.decode("latin-1"))
    return ""


def _address(scope: Scope) -> str:
    query = scope["query_string"]
    target = scope["raw_path"] + (b"?" + query if query else b"")
    return f"http://{_header(scope, b'host')}{target.decode('latin-1')}"


async def _refuse(send: Any, reason: str, status: int = 421) -> None:
    text = f"<h1>Refused</h1><p>{html.escape(reason)}</p>"
    body = f"<!doctype html><title>Refused</title>{text}".encode()
    headers = [(b"content-type", b"text/html"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
