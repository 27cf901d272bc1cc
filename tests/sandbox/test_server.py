"""The site server, spoken to by a plain HTTP client that is no part of any episode."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from cairn.sandbox.errors import SetupError
from cairn.sandbox.server import HEADER, EpisodeSites, Mounted, SiteServer
from tests.lab import LAB, lab_database

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def server() -> AsyncIterator[SiteServer]:
    server = await SiteServer.start()
    yield server
    await server.close()


@pytest.fixture
def database() -> sqlite3.Connection:
    return lab_database({"/": "<p>secret</p>"})


def open_episode(server: SiteServer, database: sqlite3.Connection) -> EpisodeSites:
    episode = server.open({"lab": Mounted(app=LAB.app, database=database)})
    episode.gate.set()
    return episode


async def get(
    server: SiteServer, token: str = "", *, path: str = "/", host: str = "lab.localhost"
) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    headers = f"Host: {host}\r\nConnection: close\r\n" + (f"{HEADER}: {token}\r\n" if token else "")
    writer.write(f"GET {path} HTTP/1.1\r\n{headers}\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer.decode()


async def test_token_opens_the_episodes_sites(
    server: SiteServer, database: sqlite3.Connection
) -> None:
    episode = open_episode(server, database)
    assert "<p>secret</p>" in await get(server, episode.token)
    assert episode.hosts == ["lab.localhost"]


async def test_other_clients_see_no_site(server: SiteServer, database: sqlite3.Connection) -> None:
    episode = open_episode(server, database)
    for token in ("", "0" * 32, episode.token[:-1], episode.token.upper() + "x"):
        answer = await get(server, token)
        assert answer.startswith("HTTP/1.1 421 ")
        assert "no such episode" in answer
    answer = await get(server, episode.token, host="<b>evil")
    assert "no site named &#x27;&lt;b&gt;evil&#x27; in this episode" in answer
    server.close_episode(episode)
    assert "no such episode" in await get(server, episode.token)


async def test_tokens_are_long_and_all_different(
    server: SiteServer, database: sqlite3.Connection
) -> None:
    tokens = {open_episode(server, database).token for _ in range(100)}
    assert len(tokens) == 100
    assert {len(token) for token in tokens} == {32}  # 128 bits


async def test_answers_wait_for_the_gate_and_keep_their_order(
    server: SiteServer, database: sqlite3.Connection
) -> None:
    episode = open_episode(server, database)
    episode.gate.clear()
    waiting = []
    for number in range(4):
        waiting.append(
            asyncio.create_task(get(server, episode.token, path=f"/hit?slow&what={number}"))
        )
        await asyncio.sleep(0.01)
    assert not any(task.done() for task in waiting)
    episode.gate.set()
    assert [(await task)[-1] for task in waiting] == ["1", "2", "3", "4"]
    rows = [change["row"] for change in episode.take_changes()]
    assert rows == [1, 2, 3, 4]
    assert episode.take_changes() == []


async def test_closing_an_episode_refuses_what_waits(
    server: SiteServer, database: sqlite3.Connection
) -> None:
    episode = open_episode(server, database)
    episode.gate.clear()
    waiting = asyncio.create_task(get(server, episode.token, path="/hit"))
    await asyncio.sleep(0.02)
    server.close_episode(episode)
    assert "the episode is over" in await waiting
    assert database.execute("SELECT COUNT(*) FROM hits").fetchone()[0] == 0


async def test_failure_of_a_site_is_recorded(
    server: SiteServer, database: sqlite3.Connection
) -> None:
    episode = open_episode(server, database)
    assert episode.failure is None
    assert (await get(server, episode.token, path="/boom")).startswith("HTTP/1.1 500 ")
    assert episode.failure == "lab.localhost: ValueError: the shelf fell down"


async def test_digest_covers_every_site(server: SiteServer, database: sqlite3.Connection) -> None:
    first = open_episode(server, database).digest()
    assert first.startswith("lab:")
    assert open_episode(server, database).digest() == first
    other = lab_database({"/": "<p>other</p>"})
    assert open_episode(server, other).digest() != first
    other.close()


async def test_taken_port_is_a_setup_error(server: SiteServer) -> None:
    with pytest.raises(SetupError, match=rf"port {server.port} of the site server: Address alread"):
        await SiteServer.start(server.port)
    assert server.is_alive


async def test_closed_server_frees_its_port() -> None:
    first = await SiteServer.start()
    await first.close()
    assert not first.is_alive
    second = await SiteServer.start(first.port)
    await second.close()
