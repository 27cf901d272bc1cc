import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from cairn.sandbox import chromium
from cairn.sandbox.chromium import (
    chromium_version,
    ensure_chromium,
    find_chromium,
    install_chromium,
)
from cairn.sandbox.errors import SetupError

ELF = b"\x7fELF"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any Chromium: empty PATH, empty caches, an ordinary user."""
    for folder in ("bin", "cache", "opt", "lib"):
        (tmp_path / folder).mkdir()
    monkeypatch.delenv("CAIRN_CHROMIUM", raising=False)
    monkeypatch.delenv("PLAYWRIGHT_BROWSERS_PATH", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(chromium, "SHARED_BUILDS", tmp_path / "opt")
    monkeypatch.setattr(chromium, "SYSTEM_FOLDERS", (tmp_path / "lib",))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return tmp_path


def _program(path: Path, content: bytes = ELF) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755)
    return path


def _build(machine: Path, revision: int, *, kind: str = "chromium_headless_shell") -> Path:
    name = "chrome" if kind == "chromium" else "chrome-headless-shell"
    return _program(machine / f"cache/ms-playwright/{kind}-{revision}/linux64/{name}")


@pytest.mark.browser
def test_the_browser_found_on_this_machine_is_no_script_and_says_its_version() -> None:
    executable = find_chromium()

    assert executable.read_bytes()[:4] == ELF
    assert int(chromium_version(executable).partition(".")[0]) > 100


def test_a_machine_without_chromium_is_told_every_remedy(machine: Path) -> None:
    with pytest.raises(SetupError) as caught:
        find_chromium()

    message = str(caught.value)
    assert message.startswith("Chromium: none found; ")
    for remedy in ("cairn doctor --fix", "apt install", "playwright install", "CAIRN_CHROMIUM"):
        assert remedy in message
    assert "\n" not in message


def test_the_variable_comes_before_everything(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _build(machine, 1)
    own = _program(machine / "own/my-chromium")
    monkeypatch.setenv("CAIRN_CHROMIUM", str(own))

    assert find_chromium() == own


@pytest.mark.parametrize("kind", ["missing", "folder", "plain"])
def test_a_variable_that_names_no_executable_is_refused_and_nothing_else_is_taken(
    machine: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    _program(machine / "bin/chromium")
    path = machine / kind
    if kind == "folder":
        path.mkdir()
    if kind == "plain":
        path.write_bytes(ELF)
        path.chmod(0o644)
    monkeypatch.setenv("CAIRN_CHROMIUM", str(path))

    with pytest.raises(SetupError, match=f"CAIRN_CHROMIUM='{path}': must be an executable file"):
        find_chromium()
    with pytest.raises(SetupError, match="must be an executable file"):
        ensure_chromium(lambda text: pytest.fail(f"ran {text}"))


def test_playwrights_build_comes_before_the_path(machine: Path) -> None:
    _program(machine / "bin/chromium-headless-shell")
    build = _build(machine, 5)

    assert find_chromium() == build


def test_the_revision_that_playwright_pins_comes_before_newer_ones(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = machine / "driver"
    driver.mkdir()
    (driver / "browsers.json").write_text(
        json.dumps({"browsers": [{"name": "chromium", "revision": "70"}]})
    )
    monkeypatch.setattr(chromium, "_playwright_driver", lambda: driver)
    newest, old = _build(machine, 100), _build(machine, 9)

    assert find_chromium() == newest
    pinned = _build(machine, 70)
    assert find_chromium() == pinned
    assert old != pinned


def test_the_headless_shell_comes_before_the_whole_browser(machine: Path) -> None:
    _build(machine, 9, kind="chromium")
    shell = _build(machine, 5)

    assert find_chromium() == shell


def test_playwrights_own_variable_moves_its_builds(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _build(machine, 9)
    build = _program(machine / "elsewhere/chromium-9/linux/chrome")
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(machine / "elsewhere"))

    assert find_chromium() == build


def test_playwrights_variable_zero_means_inside_its_package(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", "0")

    (root,) = chromium._playwright_roots()

    assert root.name == ".local-browsers"
    assert (root.parent / "browsers.json").is_file()


def test_debians_wrapper_is_seen_through(machine: Path) -> None:
    _program(machine / "bin/chromium-headless-shell", b"#!/bin/sh\n")
    real = _program(machine / "lib/chromium-headless-shell")

    assert find_chromium() == real


def test_a_wrapper_beside_its_browser_is_seen_through(machine: Path) -> None:
    wrapper = _program(machine / "opt/google/google-chrome", b"#!/bin/bash\n")
    (machine / "bin/google-chrome").symlink_to(wrapper)
    real = _program(machine / "opt/google/chrome")

    assert find_chromium() == real


def test_an_unknown_script_and_a_snap_are_passed_over(machine: Path) -> None:
    _program(machine / "bin/chromium-browser", b"#!/bin/sh\n")
    (machine / "bin/chromium").symlink_to(_program(machine / "lib/snap"))

    with pytest.raises(SetupError, match="none found"):
        find_chromium()


def test_root_passes_over_a_browser_that_an_unprivileged_user_cannot_reach(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = _build(machine, 9)
    (machine / "cache").chmod(0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    with pytest.raises(SetupError, match="as an unprivileged user"):
        find_chromium()
    monkeypatch.setenv("CAIRN_CHROMIUM", str(build))
    with pytest.raises(SetupError, match="as an unprivileged user"):
        find_chromium()


def test_a_browser_that_does_not_start_says_why(tmp_path: Path) -> None:
    broken = _program(tmp_path / "chromium", b"#!/bin/sh\necho libnss3.so: missing >&2\nexit 127\n")

    with pytest.raises(SetupError, match=r"does not start: libnss3\.so: missing; .*install-deps"):
        chromium_version(broken)


def test_a_file_that_is_no_program_says_why(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"does not start: .*Exec format error"):
        chromium_version(_program(tmp_path / "chromium"))


class Installers:
    """Stands in for the package managers: writes down commands, and may make a browser appear."""

    def __init__(self, machine: Path, works: str) -> None:
        self.machine = machine
        self.works = works
        self.commands: list[str] = []

    def run(
        self, command: Sequence[str], **options: object
    ) -> "subprocess.CompletedProcess[bytes]":
        text = " ".join(command[command.index("-m") :] if "-m" in command else command)
        self.commands.append(text)
        if text == self.works:
            _program(self.machine / "bin/chromium-headless-shell")
            return subprocess.CompletedProcess(command, 0)
        return subprocess.CompletedProcess(command, 1)


def _apt(package: str) -> str:
    return f"apt-get install -y --no-install-recommends {package} fonts-dejavu-core"


PLAYWRIGHT = "-m playwright install --only-shell chromium"
PLAYWRIGHT_ROOT = "-m playwright install --only-shell --with-deps chromium"


@pytest.mark.parametrize(
    ("uid", "distribution", "works", "commands"),
    [
        (0, "debian", _apt("chromium-headless-shell"), ["apt-get update"]),
        (
            0,
            "debian",
            _apt("chromium"),
            ["apt-get update", _apt("chromium-headless-shell"), "apt-get update"],
        ),
        (0, "ubuntu", PLAYWRIGHT_ROOT, []),
        (1000, "debian", PLAYWRIGHT, []),
    ],
)
def test_the_installer_fits_user_and_distribution(
    machine: Path,
    monkeypatch: pytest.MonkeyPatch,
    uid: int,
    distribution: str,
    works: str,
    commands: list[str],
) -> None:
    _program(machine / "bin/apt-get")
    installers, said = Installers(machine, works), list[str]()
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr(chromium, "_is_reachable", lambda path: True)
    monkeypatch.setattr(chromium, "_distribution", lambda: distribution)
    monkeypatch.setattr(subprocess, "run", installers.run)

    found = ensure_chromium(said.append)

    assert found == machine / "bin/chromium-headless-shell"
    assert installers.commands == [*commands, works]
    assert len(said) == len(installers.commands)
    assert ensure_chromium(lambda text: pytest.fail(f"ran {text}")) == found


def test_when_no_installer_works_the_error_names_them_and_the_remedies(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", Installers(machine, works="").run)

    with pytest.raises(SetupError) as caught:
        install_chromium(lambda text: None)

    assert "could not be installed by Playwright's installer; run " in str(caught.value)


def test_the_distribution_is_read_from_its_own_file() -> None:
    assert chromium._distribution() in Path("/etc/os-release").read_text()
