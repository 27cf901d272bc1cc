"""What the tests share: one real sandbox for the whole run."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

import pytest
import pytest_asyncio
from hypothesis import settings

from cairn.envs.background import shut_down
from cairn.envs.sites import SITES
from cairn.sandbox.errors import SetupError
from cairn.sandbox.jail import Jail, find_jail
from cairn.sandbox.sandbox import Sandbox
from tests.lab import LAB, Lab

# The same examples on every run, and no verdict by the speed of a busy machine.
settings.register_profile("cairn", derandomize=True, deadline=None, database=None)
settings.load_profile("cairn")

OpenLab = Callable[..., Awaitable[Lab]]


@pytest.fixture(scope="module")
def background_browser() -> Iterator[None]:
    """End the Chromium of the synchronous environments with the module that used it."""
    yield
    shut_down()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox.open() as sandbox:
        yield sandbox


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def jail() -> Jail:
    """The machine's jail; where there is none, the test is skipped."""
    try:
        return await find_jail()
    except SetupError as error:
        pytest.skip(str(error))


@pytest_asyncio.fixture
async def open_lab(sandbox: Sandbox) -> AsyncIterator[OpenLab]:
    """Open episodes on the lab site and close them at the end of the test."""
    opened: list[Lab] = []

    async def open_one(
        pages: str | Mapping[str, str],
        files: Mapping[str, bytes] | None = None,
        *,
        has_shell: bool = False,
    ) -> Lab:
        lab = await Lab.open(sandbox, pages, files or {}, has_shell=has_shell)
        opened.append(lab)
        return lab

    yield open_one
    for lab in opened:
        await lab.close()


@pytest.fixture
def lab_site(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the lab site known to tasks."""
    monkeypatch.setitem(SITES, "lab", LAB)
