"""The shell: one command at a time, in a jail that bubblewrap makes anew for it.

The command sees the system's programs, read-only, and one episode's home folder; no other file, no
network, no process outside. It runs without privileges, under limits, and all that it started ends
with it.
"""

import asyncio
import contextlib
import io
import itertools
import json
import os
import platform
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from cairn.sandbox.errors import Boundary, SandboxError, SetupError
from cairn.sandbox.install import apt_installer
from cairn.sandbox.workspace import EPOCH_S, MAX_BYTES, MAX_DEPTH, MAX_FILES

WALL_S = 30.0
CPU_S = 10
MEMORY_BYTES = 512 * 2**20
MAX_PROCESSES = 64
MAX_OUTPUT_BYTES = 2**20
TEMPORARY_BYTES = 16 * 2**20
_WATCH_EVERY_S = 0.05
_MAX_COUNTED = 10 * MAX_FILES  # counting entries ends, however fast they are made
_MAX_PATH_BYTES = 2_048  # of a folder that is kept; half of what calls take
_MAX_COUNTED_PATH_BYTES = 3_800  # of a folder, so that calls take the paths of what lies in it
_UID = 65533  # whom commands run as where Cairn runs as root; Chromium's is another
_HOME = "/home/agent"

_ARGUMENTS = (
    "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts",
    "--unshare-cgroup-try", "--disable-userns", "--uid", "1000", "--gid", "1000",
    "--hostname", "agent", "--cap-drop", "ALL", "--new-session", "--die-with-parent", "--as-pid-1",
    "--clearenv", "--setenv", "HOME", _HOME, "--setenv", "PATH", "/usr/bin:/usr/sbin",
    "--setenv", "LANG", "C.UTF-8", "--setenv", "TZ", "UTC",
    "--ro-bind", "/usr", "/usr", "--tmpfs", "/usr/local", "--remount-ro", "/usr/local",
    "--symlink", "usr/bin", "/bin", "--symlink", "usr/sbin", "/sbin",
    "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64",
    "--ro-bind-try", "/etc/alternatives", "/etc/alternatives",
    "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache",
    "--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev",
    "--size", str(TEMPORARY_BYTES), "--tmpfs", "/tmp",
)  # fmt: skip

# Set inside, so that the kernel counts only the jail's own processes. The outer shell is process 1,
# which nothing inside can kill and with which everything inside ends.
_LIMITED = (
    "prlimit", f"--nproc={MAX_PROCESSES}", f"--as={MEMORY_BYTES}", f"--fsize={MAX_BYTES}",
    f"--cpu={CPU_S}", "--nofile=256", "--core=0", "--",
    "/bin/sh", "-c", '/bin/sh -c "$1"; exit $?', "sh",
)  # fmt: skip

# Calls that hold memory which no limit counts, or that open wide parts of the kernel:
# memfd_create, memfd_secret, shmget, msgget, mq_open, io_uring_setup, bpf, userfaultfd,
# perf_event_open, add_key, request_key, keyctl.
_REFUSED_CALLS = {
    "x86_64": (0xC000003E, (319, 447, 29, 68, 240, 425, 321, 323, 298, 248, 249, 250)),
    "aarch64": (0xC00000B7, (279, 447, 194, 186, 180, 425, 280, 282, 241, 217, 218, 219)),
}
_GONE = (FileNotFoundError, NotADirectoryError)
_FULL = (
    f"the home folder holds at most {MAX_BYTES // 2**20} MiB and {MAX_FILES} entries, in folders "
    "that can be read"
)
_X32_BIT = 0x40000000
_EPERM = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellResult:
    """What came of a command.

    Attributes:
        output: Standard output and error as they came, at most `MAX_OUTPUT_BYTES` bytes of it.
        exit_code: The shell's; None when the command was stopped.
        stopped: Which limit stopped it; empty when it ended by itself.
    """

    output: str
    exit_code: int | None
    stopped: str = ""


class Jail:
    """Runs commands with bubblewrap. Made by `find_jail`."""

    def __init__(self, bwrap: str) -> None:
        self._bwrap = bwrap

    async def run(self, command: str, home: Path) -> ShellResult:
        """Run a shell command in a home folder, which nothing else may use meanwhile.

        Raises:
            SandboxError: If the jail cannot be made.
        """
        # Root outside would be root inside, whatever name it goes by there.
        owner = _UID if os.geteuid() == 0 else None
        _prepare(home, owner)
        num_bytes, num_entries = _extent(home)
        room = max(num_bytes, MAX_BYTES), max(num_entries, MAX_FILES)  # what is full may be emptied
        arguments = [*_ARGUMENTS, "--bind", str(home), _HOME, "--chdir", _HOME, "--remount-ro", "/"]
        with contextlib.ExitStack() as files:
            given = _readable(files, "\0".join(arguments).encode())
            calls = _readable(files, _call_filter())
            told, tell = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
            status = _Status(files.enter_context(io.FileIO(told)))
            try:
                process = await asyncio.create_subprocess_exec(
                    self._bwrap, "--args", str(given), "--seccomp", str(calls),
                    "--json-status-fd", str(tell), "--", *_LIMITED, command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                    pass_fds=(given, calls, tell),
                    user=owner,
                    group=owner,
                    extra_groups=None if owner is None else [],
                )  # fmt: skip
            except OSError as error:
                raise SandboxError(Boundary.JAIL, f"cannot start bubblewrap: {error}") from None
            finally:
                os.close(tell)
            try:
                output, stopped = await _attend(process, status, home, room)
            finally:
                _tidy(home)
            exit_code = status.get("exit-code")
        text = output.decode(errors="replace")
        if exit_code is None and not stopped:
            raise SandboxError(Boundary.JAIL, text.strip() or "bubblewrap ended without a result")
        return ShellResult(output=text, exit_code=None if stopped else exit_code, stopped=stopped)


class _Status:
    """What bubblewrap tells of the jail: `child-pid`, process 1 of it, and at last `exit-code`."""

    def __init__(self, pipe: io.RawIOBase) -> None:
        self._pipe = pipe
        self._told: dict[str, int] = {}

    def get(self, name: str) -> int | None:
        for line in (self._pipe.read() or b"").splitlines():
            self._told |= json.loads(line)
        return self._told.get(name)


def ensure_bubblewrap(say: Callable[[str], object]) -> None:
    """Install bubblewrap where it is missing and this process may; no failure is raised."""
    if not shutil.which("bwrap") and os.geteuid() == 0 and shutil.which("apt-get"):
        apt_installer("bubblewrap").run(say)


async def find_jail() -> Jail:
    """Return the jail of this machine, tried once.

    Raises:
        SetupError: If it has none; commands are never run without.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise SetupError("shell: bubblewrap is missing; apt install bubblewrap")
    if platform.machine() not in _REFUSED_CALLS:
        known = " and ".join(_REFUSED_CALLS)
        raise SetupError(f"shell: no jail for {platform.machine()}; there is one for {known}")
    jail = Jail(bwrap)
    home = Path(tempfile.mkdtemp(prefix="cairn-home-"))
    try:
        await jail.run("true", home)
    except SandboxError as error:
        raise SetupError(
            f"shell: {error}; the kernel must allow user namespaces: "
            "`sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`, or in a container "
            "`--security-opt seccomp=unconfined --security-opt systempaths=unconfined`"
        ) from None
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return jail


def _readable(files: contextlib.ExitStack, content: bytes) -> int:
    """Return a descriptor from which the content can be read."""
    descriptor = os.memfd_create("cairn", os.MFD_CLOEXEC)
    files.callback(os.close, descriptor)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _call_filter() -> bytes:
    """Return the seccomp program that refuses `_REFUSED_CALLS`, as classic BPF."""
    architecture, calls = _REFUSED_CALLS[platform.machine()]
    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06
    allow, kill, refuse = 0x7FFF0000, 0x80000000, 0x00050000 | _EPERM
    lines = [
        (load, 0, 0, 4),  # the architecture of `struct seccomp_data`
        (equal, 1, 0, architecture),
        (give, 0, 0, kill),
        (load, 0, 0, 0),  # the number of the call
        (at_least, len(calls) + 1, 0, _X32_BIT),
        *((equal, len(calls) - place, 0, call) for place, call in enumerate(calls)),
        (give, 0, 0, allow),
        (give, 0, 0, refuse),
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


async def _attend(
    process: asyncio.subprocess.Process, status: _Status, home: Path, room: tuple[int, int]
) -> tuple[bytes, str]:
    """Return the output, and which limit stopped the jail; no process of it is left then."""
    output = bytearray()
    reading = asyncio.create_task(_read(process, output))
    watching = asyncio.create_task(_watch(process.pid, home, room, output))
    ending = asyncio.create_task(process.wait())
    stopped = ""
    try:
        await asyncio.wait({watching, ending}, return_when=asyncio.FIRST_COMPLETED)
        if not ending.done():
            stopped = watching.result()
    finally:
        watching.cancel()
        if not ending.done():
            with contextlib.suppress(ProcessLookupError):
                os.kill(status.get("child-pid") or process.pid, signal.SIGKILL)
        await ending
        await reading
    return bytes(output[:MAX_OUTPUT_BYTES]), stopped


async def _read(process: asyncio.subprocess.Process, output: bytearray) -> None:
    assert process.stdout is not None
    while chunk := await process.stdout.read(2**16):
        if len(output) <= MAX_OUTPUT_BYTES:
            output += chunk


async def _watch(process_id: int, home: Path, room: tuple[int, int], output: bytearray) -> str:
    """Return what is too much, once something is."""
    end_s = time.monotonic() + WALL_S
    while time.monotonic() < end_s:
        await asyncio.sleep(_WATCH_EVERY_S)
        if len(output) > MAX_OUTPUT_BYTES:
            return f"it printed more than {MAX_OUTPUT_BYTES // 2**20} MiB"
        if await asyncio.to_thread(_memory_of, process_id) > MEMORY_BYTES:
            return f"it used more than {MEMORY_BYTES // 2**20} MiB of memory"
        extent = await asyncio.to_thread(_extent, home)
        if any(used > most for used, most in zip(extent, room, strict=True)):
            return _FULL
    return f"it ran for {WALL_S:.0f} s"


def _memory_of(process_id: int) -> int:
    """Return the bytes that all processes below this one hold, mapped files left out."""
    total_kib = 0
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(process_id).children(recursive=True):
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
                    if line.startswith(("RssAnon:", "RssShmem:")):
                        total_kib += int(line.split()[1])
    return total_kib * 1024


def _extent(home: Path) -> tuple[int, int]:
    """Return how many bytes and entries lie in a folder that may change meanwhile.

    What cannot be counted, being locked or too deep for any call, counts as more than any.
    """
    num_bytes = num_entries = 0
    pending = [str(home)]
    while pending and num_entries <= _MAX_COUNTED:
        folder = pending.pop()
        if len(os.fsencode(folder)) > _MAX_COUNTED_PATH_BYTES:
            return num_bytes, sys.maxsize
        try:
            with contextlib.suppress(*_GONE), os.scandir(folder) as entries:
                for entry in itertools.islice(entries, _MAX_COUNTED):
                    num_entries += 1
                    with contextlib.suppress(*_GONE):
                        info = entry.stat(follow_symlinks=False)
                        num_bytes += info.st_size if stat.S_ISREG(info.st_mode) else 0
                        if stat.S_ISDIR(info.st_mode):
                            pending.append(entry.path)
        except OSError:
            return num_bytes, sys.maxsize
    return num_bytes, num_entries


def _prepare(home: Path, owner: int | None) -> None:
    """Hand the tree to whom the command runs as; give every entry the same time."""
    for path in (home, *home.rglob("*")):
        info = path.lstat()
        if owner is not None and info.st_uid != owner:
            os.lchown(path, owner, owner)
        if info.st_mtime != EPOCH_S:
            os.utime(path, (EPOCH_S, EPOCH_S), follow_symlinks=False)


def _tidy(home: Path) -> None:
    """Leave a tree that its owner can read and that is no deeper than `MAX_DEPTH`."""
    pending = [(home, 1)]
    while pending:
        folder, depth = pending.pop()
        _allow(folder, 0o700)
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    _allow(Path(entry.path), 0o600)
                elif not entry.is_dir(follow_symlinks=False):
                    continue
                elif depth < MAX_DEPTH and len(os.fsencode(entry.path)) <= _MAX_PATH_BYTES:
                    pending.append((Path(entry.path), depth + 1))
                else:  # what lies in it may have paths that are too long for any call
                    for remove in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
                        subprocess.run([*remove, "--", entry.path], check=False)


def _allow(path: Path, wanted: int) -> None:
    mode = stat.S_IMODE(path.stat(follow_symlinks=False).st_mode)
    if mode & wanted != wanted:
        path.chmod(mode | wanted)
