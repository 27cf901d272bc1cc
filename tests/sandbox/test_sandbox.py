"""The sandbox as a whole: what it starts, what it survives, what it leaves behind."""

import asyncio
import os
import signal
import tempfile
from pathlib import Path

import pytest

from cairn.sandbox.errors import SandboxError, SetupError
from cairn.sandbox.sandbox import Sandbox
from tests.lab import Lab
from tests.processes import processes_of

pytestmark = [pytest.mark.browser, pytest.mark.asyncio]

PAGE = "<button onclick=\"fetch('/hit?what=x')\">Go</button>"


async def test_sandbox_leaves_neither_processes_nor_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents[:2]:  # the browser's own user must reach it
        folder.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    async with Sandbox.open() as sandbox:
        await Lab.open(sandbox, PAGE, {"a": b"a"})
        await (await Lab.open(sandbox, PAGE, {})).close()
        prefixes = sorted(path.name.rpartition("-")[0] for path in tmp_path.iterdir())
        assert prefixes == ["cairn-browser", "cairn-home"]
        browser = sandbox.process_id
        assert len(processes_of(browser)) > 2
    assert list(tmp_path.iterdir()) == []
    assert processes_of(browser) == []


async def test_killed_browser_fails_its_episodes_and_is_started_again() -> None:
    async with Sandbox.open() as sandbox:
        labs = [await Lab.open(sandbox, PAGE, {}) for _ in range(2)]
        first_process = sandbox.process_id
        waiting = asyncio.create_task(labs[0].do("click e1"))
        await asyncio.sleep(0)
        os.killpg(first_process, signal.SIGKILL)
        with pytest.raises(SandboxError, match="browser has gone"):
            await waiting
        with pytest.raises(SandboxError, match="browser has gone"):
            await labs[1].do("click e1")
        for lab in labs:
            await lab.close()
        again = await asyncio.gather(*(Lab.open(sandbox, PAGE, {}) for _ in range(3)))
        assert [await lab.do("click e1") for lab in again] == ["", "", ""]
        assert sandbox.num_restarts == 1
        assert sandbox.process_id != first_process


async def test_browser_killed_while_a_page_settles_fails_the_step_at_once() -> None:
    async with Sandbox.open() as sandbox:
        lab = await Lab.open(sandbox, "<button onclick=\"fetch('/never')\">Go</button>", {})
        waiting = asyncio.create_task(lab.do("click e1"))
        await asyncio.sleep(0.3)
        os.killpg(sandbox.process_id, signal.SIGKILL)
        with pytest.raises(SandboxError, match="browser has gone"):
            await asyncio.wait_for(waiting, 5)


async def test_stopped_browser_fails_its_episodes_and_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cairn.sandbox.page.STEP_TIMEOUT_S", 0.3)
    monkeypatch.setattr("cairn.sandbox.browser.ANSWER_TIMEOUT_S", 1.0)
    async with Sandbox.open() as sandbox:
        lab = await Lab.open(sandbox, PAGE, {})
        os.killpg(sandbox.process_id, signal.SIGSTOP)
        with pytest.raises(SandboxError, match="did not settle"):
            await lab.do("click e1")
        await lab.close()
        monkeypatch.undo()
        assert await (await Lab.open(sandbox, PAGE, {})).do("click e1") == ""
        assert sandbox.num_restarts == 1


async def test_episodes_in_parallel_do_not_see_each_other(sandbox: Sandbox) -> None:
    async def run(number: int) -> None:
        lab = await Lab.open(sandbox, f"<h1>{number}</h1>{PAGE}", {f"{number}.txt": b""})
        for _ in range(3):
            await lab.do("click e1")
        await lab.do(f"write_file out.txt {number}")
        assert lab.lines[0] == f'heading "{number}"'
        assert lab.hits == ["x", "x", "x"]
        assert lab.view.files == (f"{number}.txt", "Documents/", "Downloads/", "out.txt")
        assert await lab.do("read_file out.txt") == str(number)
        await lab.close()

    await asyncio.gather(*map(run, range(6)))


async def test_taken_port_is_a_setup_error_that_leaves_nothing(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    port = sandbox._server.port
    with pytest.raises(SetupError, match=f"port {port} of the site server"):
        await Sandbox.start(port=port)
    assert list(tmp_path.iterdir()) == []


async def test_browser_that_does_not_start_is_a_setup_error_that_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(SetupError, match="/bin/true did not start; run it by hand"):
        await Sandbox.start(executable=Path("/bin/true"))
    assert list(tmp_path.iterdir()) == []


async def test_files_of_the_machine_are_out_of_the_browsers_reach(sandbox: Sandbox) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives its rights away")
    status = Path(f"/proc/{sandbox.process_id}/status").read_text()
    uids = next(line for line in status.splitlines() if line.startswith("Uid:"))
    assert set(uids.split()[1:]) == {"65534"}
