"""What this machine has and lacks for running Cairn."""

import asyncio
import importlib.metadata
import importlib.util
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rich.table import Table

from cairn.sandbox.browser import Browser
from cairn.sandbox.chromium import chromium_version, find_chromium
from cairn.sandbox.errors import SetupError
from cairn.sandbox.jail import find_jail

MIN_PYTHON = (3, 11)
MIN_DISK_MIB = 1024
MIN_SHM_MIB = 64


class Health(StrEnum):
    """What a check found."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What was looked at.
        status: OK; WARN if something optional is missing; FAIL if Cairn cannot run.
        detail: What was found.
        remedy: What to do about it; empty when OK.
    """

    name: str
    status: Health
    detail: str
    remedy: str = ""


def examine() -> tuple[Check, ...]:
    """Look at everything that Cairn needs or can use; takes well under a second."""
    return tuple(check() for check in CHECKS)


def is_healthy(checks: Sequence[Check]) -> bool:
    """Whether nothing failed."""
    return all(check.status is not Health.FAIL for check in checks)


def checks_table(checks: Sequence[Check]) -> Table:
    """Show the checks, remedies below what they are for."""
    colour = {Health.OK: "green", Health.WARN: "yellow", Health.FAIL: "bold red"}
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        status = f"[{colour[check.status]}]{check.status}[/]"
        table.add_row(status, check.name, check.detail)
        if check.remedy:
            table.add_row("", "", f"[dim]{check.remedy}[/]")
    return table


def _python() -> Check:
    version = platform.python_version()
    if sys.version_info >= MIN_PYTHON:
        return Check(name="Python", status=Health.OK, detail=f"{version} ({sys.executable})")
    return Check(
        name="Python", status=Health.FAIL, detail=version, remedy="install Python 3.11 or newer"
    )


def _chromium() -> Check:
    try:
        executable = find_chromium()
        version = chromium_version(executable)
    except SetupError as error:
        problem, _, remedy = str(error).partition("; ")
        detail = problem.removeprefix("Chromium: ")
        return Check(
            name="Chromium",
            status=Health.FAIL,
            detail=detail,
            remedy=remedy or "unset it, or set it to a Chromium executable",
        )
    return Check(name="Chromium", status=Health.OK, detail=f"{version} ({executable})")


def _browser_start() -> Check:
    name = "browser start"
    try:
        asyncio.run(_start_and_stop())
    except SetupError as error:
        problem, _, remedy = str(error).partition("; ")
        if not _has_user_namespaces():
            problem += " (the kernel refuses user namespaces)"
            remedy = (
                "allow them: `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`, or in a "
                "container `--security-opt seccomp=unconfined`"
            )
        return Check(name=name, status=Health.FAIL, detail=problem, remedy=remedy)
    return Check(name=name, status=Health.OK, detail="starts, with its own sandbox on")


async def _start_and_stop() -> None:
    browser = await Browser.launch(site_port=9)
    await browser.close()


def _has_user_namespaces() -> bool:
    command = ["unshare", "--user", "--map-root-user", "true"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _shell() -> Check:
    try:
        asyncio.run(find_jail())
    except SetupError as error:
        problem, _, remedy = str(error).removeprefix("shell: ").partition("; ")
        detail = f"{problem}; tasks that have a shell cannot run"
        return Check(name="shell", status=Health.WARN, detail=detail, remedy=remedy)
    return Check(name="shell", status=Health.OK, detail="commands run in a jail made by bubblewrap")


def _fonts() -> Check:
    folders = [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".fonts"]
    for folder in folders:
        font = next((p for p in folder.rglob("*") if p.suffix in {".ttf", ".otf", ".ttc"}), None)
        if font:
            return Check(name="fonts", status=Health.OK, detail=str(font.parent))
    return Check(
        name="fonts",
        status=Health.WARN,
        detail="none found; pages are laid out differently without them",
        remedy="apt install fonts-dejavu-core",
    )


def _temporary_folder() -> Check:
    name = "temporary folder"
    folder = tempfile.gettempdir()
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Check(
            name=name,
            status=Health.FAIL,
            detail=f"{folder}: {error.strerror}",
            remedy="set TMPDIR to a writable folder",
        )
    free_mib = shutil.disk_usage(folder).free // 2**20
    if free_mib < MIN_DISK_MIB:
        return Check(
            name=name,
            status=Health.WARN,
            detail=f"{folder}, {free_mib} MiB free, {MIN_DISK_MIB} MiB wanted",
            remedy="free some space, or set TMPDIR to a folder on a larger disk",
        )
    return Check(name=name, status=Health.OK, detail=f"{folder}, {free_mib:,} MiB free")


def _shared_memory() -> Check:
    folder = Path("/dev/shm")
    if not folder.is_dir():
        return Check(
            name="shared memory",
            status=Health.WARN,
            detail="no /dev/shm; Chromium falls back to the temporary folder",
            remedy="in a container: --shm-size=1g",
        )
    free_mib = shutil.disk_usage(folder).free // 2**20
    is_enough = free_mib >= MIN_SHM_MIB
    return Check(
        name="shared memory",
        status=Health.OK if is_enough else Health.WARN,
        detail=f"/dev/shm, {free_mib:,} MiB free",
        remedy="" if is_enough else "in a container: --shm-size=1g",
    )


def _training() -> Check:
    packages = ("torch", "transformers", "peft", "tokenizers")
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        return Check(
            name="training",
            status=Health.WARN,
            detail=f"not installed: {', '.join(missing)}; environments work, `train` does not",
            remedy="pip install 'cairn-gym[train]'",
        )
    versions = [f"{name} {importlib.metadata.version(name)}" for name in packages]
    return Check(name="training", status=Health.OK, detail=", ".join(versions))


def _cuda() -> Check:
    found = shutil.which("nvidia-smi")
    query = [found or "", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        listing = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return Check(name="CUDA", status=Health.OK, detail="no GPU; everything runs on the CPU")
    return Check(name="CUDA", status=Health.OK, detail="; ".join(listing.stdout.splitlines()))


CHECKS: tuple[Callable[[], Check], ...] = (
    _python,
    _chromium,
    _browser_start,
    _shell,
    _fonts,
    _temporary_folder,
    _shared_memory,
    _training,
    _cuda,
)
