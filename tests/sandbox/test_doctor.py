import io
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from rich.console import Console

from cairn.sandbox import doctor
from cairn.sandbox.doctor import Check, Health, checks_table, examine, is_healthy
from cairn.sandbox.errors import SetupError


@pytest.mark.browser
def test_this_machine_is_healthy() -> None:
    checks = examine()

    assert [check.name for check in checks if check.status is Health.FAIL] == []
    assert is_healthy(checks)
    assert all(check.remedy for check in checks if check.status is not Health.OK)


def test_a_missing_chromium_fails_and_names_the_remedies(monkeypatch: pytest.MonkeyPatch) -> None:
    def find() -> Path:
        raise SetupError("Chromium: none found; run `cairn doctor --fix`")

    monkeypatch.setattr(doctor, "find_chromium", find)

    check = doctor._chromium()

    assert check == Check(
        name="Chromium",
        status=Health.FAIL,
        detail="none found",
        remedy="run `cairn doctor --fix`",
    )
    assert not is_healthy([check])


@pytest.mark.parametrize("namespaces", [True, False])
def test_a_browser_that_does_not_start_fails_with_the_reason_the_kernel_has(
    monkeypatch: pytest.MonkeyPatch, namespaces: bool
) -> None:
    async def start() -> None:
        raise SetupError("chromium did not start; name another")

    monkeypatch.setattr(doctor, "_start_and_stop", start)
    monkeypatch.setattr(doctor, "_has_user_namespaces", lambda: namespaces)

    check = doctor._browser_start()

    assert check.status is Health.FAIL
    assert ("user namespaces" in check.detail) is not namespaces
    assert check.remedy.startswith("name another" if namespaces else "allow them")


def test_the_kernel_is_asked_about_user_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(command: list[str], **_: object) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.CompletedProcess(command, 1)

    def missing(command: list[str], **_: object) -> "subprocess.CompletedProcess[bytes]":
        raise FileNotFoundError(command[0])

    monkeypatch.setattr(subprocess, "run", refuse)
    assert not doctor._has_user_namespaces()
    monkeypatch.setattr(subprocess, "run", missing)
    assert not doctor._has_user_namespaces()


def test_a_missing_jail_is_only_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)

    check = doctor._shell()

    assert (check.status, check.remedy) == (Health.WARN, "apt install bubblewrap")
    assert is_healthy([check])


def test_an_unwritable_temporary_folder_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/proc")

    check = doctor._temporary_folder()

    assert check.status is Health.FAIL
    assert check.detail.startswith("/proc: ")
    assert "TMPDIR" in check.remedy


def test_a_full_disk_and_a_small_shared_memory_are_warnings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Usage:
        free = 10 * 2**20

    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage)

    assert doctor._temporary_folder().status is Health.WARN
    assert "10 MiB free, 1024 MiB wanted" in doctor._temporary_folder().detail
    assert doctor._shared_memory().status is Health.WARN


def test_an_old_python_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MIN_PYTHON", (99, 0))

    assert doctor._python().status is Health.FAIL


def test_missing_training_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "peft" else name)

    check = doctor._training()

    assert check.status is Health.WARN
    assert "not installed: peft;" in check.detail


def test_a_gpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def listing(command: list[str], **_: object) -> "subprocess.CompletedProcess[str]":
        return subprocess.CompletedProcess(command, 0, stdout="Accelerator 9000, 80000 MiB\n")

    monkeypatch.setattr(subprocess, "run", listing)

    assert doctor._cuda().detail == "Accelerator 9000, 80000 MiB"


def test_no_fonts_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "rglob", lambda folder, pattern: iter(()))

    assert doctor._fonts().status is Health.WARN


def test_the_table_shows_each_check_with_its_remedy_below() -> None:
    console = Console(width=60, file=io.StringIO(), record=True)
    checks = (
        Check(name="one", status=Health.OK, detail="here"),
        Check(name="two", status=Health.FAIL, detail="missing", remedy="install two"),
    )

    console.print(checks_table(checks))

    lines = [line.rstrip() for line in console.export_text().splitlines()]
    assert lines == ["ok    one  here", "fail  two  missing", "           install two"]
