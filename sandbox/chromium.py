"""Chromium: where it is on this machine, and how to get it."""

import importlib.util
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from cairn.sandbox.errors import SetupError
from cairn.sandbox.install import Installer, apt_installer

REMEDIES = (
    "run `cairn doctor --fix`, or `sudo apt install chromium-headless-shell` (Debian), or "
    "`python -m playwright install --with-deps --only-shell chromium`, or set CAIRN_CHROMIUM "
    "to a Chromium executable"
)

# The headless shell is first: it starts four times faster than the whole browser.
NAMES = (
    "chromium-headless-shell",
    "chrome-headless-shell",
    "headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "chrome",
)

# Where root installs Playwright's build: the browser runs as an unprivileged user, and such a
# user cannot look into /root.
SHARED_BUILDS = Path("/opt/ms-playwright")

SYSTEM_FOLDERS = (Path("/usr/lib/chromium"), Path("/usr/lib64/chromium-browser"))

_OUT_OF_REACH = "root runs it as an unprivileged user, who cannot read its folder"

_BUILDS = {
    "chromium_headless_shell": ("chrome-headless-shell", "headless_shell"),
    "chromium": ("chrome",),
}


def find_chromium() -> Path:
    """Return the Chromium to run: a real executable, never a wrapper that we know to see through.

    `CAIRN_CHROMIUM` decides if it is set; then come Playwright's own builds, then PATH.

    Raises:
        SetupError: If there is none, or `CAIRN_CHROMIUM` names no executable file.
    """
    chosen = os.environ.get("CAIRN_CHROMIUM")
    if chosen:
        return _chosen(Path(chosen).expanduser())
    unreachable = None
    for candidate in [*_playwright_builds(), *_on_path()]:
        if _is_reachable(candidate):
            return candidate
        unreachable = unreachable or candidate
    if unreachable:
        raise SetupError(f"Chromium {str(unreachable)!r}: {_OUT_OF_REACH}; {REMEDIES}")
    raise SetupError(f"Chromium: none found; {REMEDIES}")


def chromium_version(executable: Path) -> str:
    """Return the version that the executable reports, such as `156.0.8078.79`.

    Raises:
        SetupError: If it does not start, for example because a system library is missing.
    """
    try:
        done = subprocess.run(
            [executable, "--version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"Chromium {str(executable)!r}: does not start: {error}") from None
    version = re.search(r"\d+(\.\d+){3}", done.stdout)
    if done.returncode != 0 or version is None:
        reason = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
        raise SetupError(
            f"Chromium {str(executable)!r}: does not start: {reason[-1]}; its libraries come with "
            "`sudo python -m playwright install-deps chromium`"
        )
    return version.group()


def ensure_chromium(say: Callable[[str], object]) -> Path:
    """Return the Chromium to run, installing it if there is none.

    Raises:
        SetupError: If it can be neither found nor installed, or `CAIRN_CHROMIUM` is wrong.
    """
    if os.environ.get("CAIRN_CHROMIUM"):
        return find_chromium()
    return _found() or install_chromium(say)


def install_chromium(say: Callable[[str], object]) -> Path:
    """Install Chromium by the system's package manager or by Playwright, and return it.

    Args:
        say: Is told each command before it runs.

    Raises:
        SetupError: If no installer worked.
    """
    tried = []
    for installer in _installers():
        tried.append(installer.name)
        if installer.run(say) and (found := _found()):
            return found
    raise SetupError(f"Chromium: could not be installed by {' or '.join(tried)}; {REMEDIES}")


def _chosen(path: Path) -> Path:
    if not _is_executable(path):
        raise SetupError(f"CAIRN_CHROMIUM={str(path)!r}: must be an executable file")
    path = _unwrapped(path) or path
    if not _is_reachable(path):
        raise SetupError(f"CAIRN_CHROMIUM={str(path)!r}: {_OUT_OF_REACH}")
    return path


def _found() -> Path | None:
    try:
        return find_chromium()
    except SetupError:
        return None


def _playwright_builds() -> Iterator[Path]:
    pinned = _pinned_revision()
    for root in _playwright_roots():
        for kind, executables in _BUILDS.items():
            folders = sorted(root.glob(f"{kind}-[0-9]*"), key=_revision, reverse=True)
            folders.sort(key=lambda folder: _revision(folder) != pinned)
            for folder in folders:
                for name in executables:
                    yield from filter(_is_executable, sorted(folder.glob(f"*/{name}")))


def _playwright_roots() -> list[Path]:
    chosen = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    if chosen == "0":
        return [_playwright_driver() / ".local-browsers"]
    if chosen:
        return [Path(chosen)]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return [cache / "ms-playwright", SHARED_BUILDS]


def _playwright_driver() -> Path:
    spec = importlib.util.find_spec("playwright")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "driver" / "package"


def _pinned_revision() -> int:
    browsers = json.loads((_playwright_driver() / "browsers.json").read_text())["browsers"]
    return next(int(b["revision"]) for b in browsers if b["name"] == "chromium")


def _revision(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])


def _on_path() -> Iterator[Path]:
    for name in NAMES:
        found = shutil.which(name)
        if found and (executable := _unwrapped(Path(found))):
            yield executable


def _unwrapped(path: Path) -> Path | None:
    """See through a wrapper script: Debian's does not exec, so killing it orphans the browser."""
    real = path.resolve()
    if real.name == "snap":
        return None  # a snap cannot see the temporary folder in which its profile would lie
    if not _is_script(real):
        return real
    likely = [*(folder / path.name for folder in SYSTEM_FOLDERS), real.parent / "chrome"]
    for candidate in likely:
        if _is_executable(candidate) and not _is_script(candidate):
            return candidate
    return None


def _is_script(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def _is_executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _is_reachable(path: Path) -> bool:
    if os.geteuid() != 0:
        return True
    folders_open = all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents)
    return folders_open and bool(path.stat().st_mode & stat.S_IXOTH)


def _installers() -> list[Installer]:
    playwright = (sys.executable, "-m", "playwright", "install", "--only-shell")
    if os.geteuid() != 0:
        return [
            Installer(name="Playwright's installer", commands=((*playwright, "chromium"),)),
        ]
    by_playwright = Installer(
        name="Playwright's installer",
        commands=((*playwright, "--with-deps", "chromium"),),
        environment=(
            (
                "PLAYWRIGHT_BROWSERS_PATH",
                os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or str(SHARED_BUILDS),
            ),
        ),
    )
    if not shutil.which("apt-get") or _distribution() == "ubuntu":
        return [by_playwright]  # Ubuntu's own package is a snap
    by_apt = [
        apt_installer(package, "fonts-dejavu-core")
        for package in ("chromium-headless-shell", "chromium")
    ]
    return [*by_apt, by_playwright]


def _distribution() -> str:
    try:
        text = Path("/etc/os-release").read_text()
    except OSError:
        return ""
    match = re.search(r'^ID="?([a-z]+)', text, flags=re.MULTILINE)
    return match.group(1) if match else ""
