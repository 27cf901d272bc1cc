"""The Chrome DevTools Protocol over a pair of pipes.

Chromium started with `--remote-debugging-pipe` reads commands from descriptor 3 and writes
answers and events to descriptor 4, each a JSON text ended by a NUL byte. No port is opened, so
nothing else on the machine can reach the browser.
"""

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any, cast

from cairn.sandbox.errors import browser_error

Params = dict[str, Any]
Listener = Callable[[Params], None]

CLOSED = "closed"
"""Listened to like an event, in any session: the browser has gone."""


class Connection(asyncio.Protocol):
    """Sends commands, resolves their answers, and hands events to listeners.

    Attributes:
        is_closed: Whether the browser has gone; every later command fails at once.
    """

    def __init__(self) -> None:
        self.is_closed = False
        self._loop = asyncio.get_running_loop()
        self._ids = itertools.count(1)
        self._pending: dict[int, tuple[str, asyncio.Future[Params]]] = {}
        self._listeners: dict[tuple[str | None, str], Listener] = {}
        self._partial: list[bytes] = []
        self._writer: asyncio.WriteTransport | None = None
        self._reader: asyncio.ReadTransport | None = None

    async def attach(self, read_fd: int, write_fd: int) -> None:
        """Take over the two descriptors."""
        reader = open(read_fd, "rb", buffering=0)  # noqa: SIM115
        writer = open(write_fd, "wb", buffering=0)  # noqa: SIM115
        try:
            self._reader, _ = await self._loop.connect_read_pipe(lambda: self, reader)
            self._writer, _ = await self._loop.connect_write_pipe(asyncio.BaseProtocol, writer)
        except BaseException:  # cancelled: nobody else knows of the two files
            self.close()
            for file in (reader, writer):
                file.close()
            raise

    def send(
        self, method: str, params: Params | None = None, session: str | None = None
    ) -> asyncio.Future[Params]:
        """Write a command at once and return the future of its answer.

        The future fails with `SandboxError` when the browser refuses or goes away. Commands are
        carried out in the order written, so a caller may write several before it awaits.
        """
        answer: asyncio.Future[Params] = self._loop.create_future()
        if self.is_closed or self._writer is None:
            answer.set_exception(browser_error(f"{method}: browser has gone"))
            return answer
        number = next(self._ids)
        self._pending[number] = method, answer
        message: Params = {"id": number, "method": method, "params": params or {}}
        if session is not None:
            message["sessionId"] = session
        self._writer.write(json.dumps(message).encode() + b"\0")
        return answer

    def listen(self, session: str | None, method: str, listener: Listener) -> None:
        """Call `listener` with the parameters of each such event; one listener per event."""
        self._listeners[session, method] = listener

    def forget(self, session: str) -> None:
        """Drop every listener of a session."""
        for key in [key for key in self._listeners if key[0] == session]:
            del self._listeners[key]

    def close(self) -> None:
        """Close both pipes; Chromium then exits."""
        for transport in (self._writer, self._reader):
            if transport is not None:
                transport.close()
        self._fail_all()

    def data_received(self, data: bytes) -> None:
        """Split what arrived into messages."""
        *ends, rest = data.split(b"\0")
        for end in ends:
            self._partial.append(end)
            self._receive(json.loads(b"".join(self._partial)))
            self._partial.clear()
        if rest:
            self._partial.append(rest)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Fail whatever waits: the browser has gone."""
        self._fail_all()

    def _fail_all(self) -> None:
        self.is_closed = True
        pending, self._pending = self._pending, {}
        for method, answer in pending.values():
            if not answer.done():
                answer.set_exception(browser_error(f"{method}: browser has gone"))
                answer.exception()  # A caller that was cancelled will not retrieve it.
        for (_, method), listener in list(self._listeners.items()):
            if method == CLOSED:
                listener({})

    def _receive(self, message: Params) -> None:
        if "id" not in message:
            key = message.get("sessionId"), cast("str", message["method"])
            if listener := self._listeners.get(key):
                listener(message["params"])
            return
        method, answer = self._pending.pop(message["id"])
        if answer.done():
            return
        if "error" in message:
            answer.set_exception(browser_error(f"{method}: {message['error']['message']}"))
        else:
            answer.set_result(message["result"])
