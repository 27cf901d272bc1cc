"""The protocol over pipes, with this test at the browser's end."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from cairn.sandbox.cdp import CLOSED, Connection
from cairn.sandbox.errors import SandboxError

pytestmark = pytest.mark.asyncio


class Peer:
    """The browser's end of the pipes."""

    def __init__(self, connection: Connection, read_fd: int, write_fd: int) -> None:
        self.connection = connection
        self._read_fd = read_fd
        self.write_fd = write_fd

    def receive(self) -> list[dict[str, Any]]:
        texts = os.read(self._read_fd, 100_000).split(b"\0")
        return [json.loads(text) for text in texts if text]

    def send(self, *messages: dict[str, Any]) -> None:
        os.write(self.write_fd, b"".join(json.dumps(m).encode() + b"\0" for m in messages))

    def close(self) -> None:
        for fd in (self._read_fd, self.write_fd):
            os.close(fd)


@pytest_asyncio.fixture
async def peer() -> AsyncIterator[Peer]:
    connection = Connection()
    command_read, command_write = os.pipe()
    answer_read, answer_write = os.pipe()
    await connection.attach(answer_read, command_write)
    peer = Peer(connection, command_read, answer_write)
    yield peer
    connection.close()
    await asyncio.sleep(0)
    peer.close()


async def test_answers_find_their_command_in_any_order(peer: Peer) -> None:
    first = peer.connection.send("A.one", {"x": 1})
    second = peer.connection.send("B.two", session="s")
    assert peer.receive() == [
        {"id": 1, "method": "A.one", "params": {"x": 1}},
        {"id": 2, "method": "B.two", "params": {}, "sessionId": "s"},
    ]
    peer.send({"id": 2, "result": {"b": 2}}, {"id": 1, "result": {"a": 1}})
    assert (await second, await first) == ({"b": 2}, {"a": 1})


async def test_message_may_arrive_in_pieces(peer: Peer) -> None:
    answer = peer.connection.send("A.one")
    for piece in (b'{"id": 1, "res', b'ult": {"te', b'xt": "\xc3\xbc"}}', b"\0"):
        os.write(peer.write_fd, piece)
        await asyncio.sleep(0.001)
    assert await answer == {"text": "ü"}


async def test_refused_command_raises_what_the_browser_said(peer: Peer) -> None:
    answer = peer.connection.send("A.one")
    peer.send({"id": 1, "error": {"message": "no such method"}})
    with pytest.raises(SandboxError, match=r"browser: A.one: no such method"):
        await answer


async def test_events_go_to_the_listener_of_their_session(peer: Peer) -> None:
    heard: list[Any] = []
    peer.connection.listen("s", "Page.loaded", lambda params: heard.append(("s", params)))
    peer.connection.listen(None, "Page.loaded", lambda params: heard.append((None, params)))
    event = {"method": "Page.loaded", "params": {"n": 1}}
    peer.send(event, {**event, "sessionId": "s"}, {**event, "sessionId": "t"})
    peer.connection.listen("s", "Page.gone", heard.append)
    await asyncio.sleep(0.01)
    assert heard == [(None, {"n": 1}), ("s", {"n": 1})]
    peer.connection.forget("s")
    peer.send({**event, "sessionId": "s"}, event)
    await asyncio.sleep(0.01)
    assert heard[2:] == [(None, {"n": 1})]


async def test_answer_to_a_cancelled_command_is_dropped(peer: Peer) -> None:
    peer.connection.send("A.one").cancel()
    other = peer.connection.send("A.two")
    peer.send({"id": 1, "result": {}}, {"id": 2, "result": {"ok": True}})
    assert await other == {"ok": True}


async def test_everything_fails_once_the_browser_has_gone(peer: Peer) -> None:
    heard: list[Any] = []
    peer.connection.listen("s", CLOSED, heard.append)
    waiting = peer.connection.send("A.one")
    peer.connection.close()
    with pytest.raises(SandboxError, match=r"A.one: browser has gone"):
        await waiting
    with pytest.raises(SandboxError, match=r"A.two: browser has gone"):
        await peer.connection.send("A.two")
    assert peer.connection.is_closed
    assert heard
