"""One Chromium process, shared by many isolated contexts."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Self

from cairn.sandbox.cdp import Connection, Params
from cairn.sandbox.chromium import find_chromium
from cairn.sandbox.errors import SandboxError, SetupError, browser_error

NOBODY = 65534
START_TIMEOUT_S = 30.0
ANSWER_TIMEOUT_S = 20.0
_REMOVE_TRIES = 50

_FLAGS = (
    "--headless",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-client-side-phishing-detection",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-field-trial-config",
    "--disable-gpu",
    "--disable-hang-monitor",
    "--disable-ipc-flooding-protection",
    "--disable-quic",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--disable-background-timer-throttling",
    "--disable-sync",
    "--deny-permission-prompts",
    "--force-color-profile=srgb",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",  # or STUN leaves the machine
    "--hide-scrollbars",
    "--js-flags=--random-seed=1",
    "--lang=en-US",
    "--metrics-recording-only",
    "--mute-audio",
    "--password-store=basic",
    "--window-size=1024,768",
    # DeferRendererTasksAfterInput holds tasks back, answers to fetches too, until the next frame;
    # where that stays out, paused virtual time would never go on.
    "--disable-features=BackForwardCache,DeferRendererTasksAfterInput,MediaRouter,"
    "OptimizationHints,Translate",
)


class Browser:
    """A running Chromium and the connection to it.

    Attributes:
        connection: Speaks the DevTools protocol.
        process: The browser's main process, leader of its own process group.
        folder: Profile and staging folder, owned by the browser's user, removed on close.
    """

    def __init__(
        self, connection: Connection, process: "subprocess.Popen[bytes]", folder: Path
    ) -> None:
        self.connection = connection
        self.process = process
        self.folder = folder
        self.staging = folder / "staging"

    @classmethod
    async def launch(cls, *, site_port: int, executable: Path | None = None) -> Self:
        """Start Chromium so that every host name leads to the site server.

        Args:
            site_port: Port on 127.0.0.1 to which all hosts, IP literals too, are mapped.
            executable: The browser; found by `find_chromium` when None.

        Raises:
            SetupError: If no Chromium is found or it does not start.
        """
        executable = executable or find_chromium()
        folder = Path(tempfile.mkdtemp(prefix="cairn-browser-"))
        (folder / "staging").mkdir()
        if os.geteuid() == 0:
            for path in (folder, *folder.iterdir()):
                os.chown(path, NOBODY, NOBODY)
        command = [
            str(executable),
            *_FLAGS,
            f"--user-data-dir={folder / 'profile'}",
            f"--host-resolver-rules=MAP * 127.0.0.1:{site_port}",
            "about:blank",
        ]
        connection = Connection()
        try:
            process = await _start(command, connection, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        browser = cls(connection, process, folder)
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await connection.send("Browser.getVersion")
        except (SandboxError, TimeoutError):
            await browser.close()
            raise SetupError(
                f"{executable} did not start; run it by hand with --headless --version, "
                "or name another with CAIRN_CHROMIUM"
            ) from None
        except BaseException:
            await browser.close()
            raise
        return browser

    @property
    def is_alive(self) -> bool:
        """Whether it still answers, as far as can be told without asking."""
        return not self.connection.is_closed and self.process.poll() is None

    async def send(self, method: str, params: Params | None = None) -> Params:
        """Send a command to the browser as a whole.

        Raises:
            SandboxError: If it refuses, has gone, or hangs; one that hangs is given up.
        """
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                return await self.connection.send(method, params)
        except TimeoutError:
            self.connection.close()
            raise browser_error(f"{method}: no answer in {ANSWER_TIMEOUT_S:.0f} s") from None

    async def close(self) -> None:
        """End every process of the browser and remove its folder."""
        self.connection.close()
        # Nothing of a throw-away profile is worth a gentle end, and the interpreter may be ending.
        _kill(self.process)
        for _ in range(_REMOVE_TRIES):  # a dying helper process may still write
            shutil.rmtree(self.folder, ignore_errors=True)
            if not self.folder.exists():
                break
            await asyncio.sleep(0.02)


# Runs in a Python of its own between fork and exec: puts the pipes where Chromium looks for them,
# and gives root's rights away, since Chromium refuses to run sandboxed as root.
_LAUNCHER = """
import os, sys
read_fd, write_fd, user = map(int, sys.argv[1:4])
os.dup2(read_fd, 3)
os.dup2(write_fd, 4)
os.closerange(5, max(read_fd, write_fd) + 1)
if user:
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
os.execv(sys.argv[4], sys.argv[4:])
"""


async def _start(
    command: list[str], connection: Connection, folder: Path
) -> "subprocess.Popen[bytes]":
    command_read, command_write = os.pipe()
    answer_read, answer_write = os.pipe()
    # High numbers, so that neither is overwritten when the launcher makes 3 and 4.
    theirs = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (command_read, answer_write)]
    for fd in (command_read, answer_write):
        os.close(fd)
    user = str(NOBODY if os.geteuid() == 0 else 0)
    environment = {
        "HOME": str(folder),
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "TMPDIR": str(folder),
        "TZ": "UTC",
        "LANG": "C.UTF-8",
    }
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, *map(str, theirs), user, *command],
            pass_fds=theirs,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=folder,
        )
    finally:
        for fd in theirs:
            os.close(fd)
    try:
        await connection.attach(answer_read, command_write)
    except BaseException:
        _kill(process)
        raise
    return process


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End the browser's whole process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
