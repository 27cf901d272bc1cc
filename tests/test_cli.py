import json
import subprocess
import sys

import pytest

from cairn.cli import main
from cairn.sandbox import doctor
from cairn.sandbox.doctor import Check, Health


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command line in this process and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["cairn", *arguments])
    try:
        main()
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    return 0


@pytest.fixture
def sick_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def check() -> Check:
        return Check(name="Chromium", status=Health.FAIL, detail="none found", remedy="get one")

    monkeypatch.setattr(doctor, "CHECKS", (check,))


@pytest.mark.parametrize("command", [(), ("doctor",)])
def test_help_shows_how_to_use_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    assert _run(monkeypatch, *command, "--help") == 0
    assert "Usage: " in capsys.readouterr().out


@pytest.mark.usefixtures("sick_machine")
def test_doctor_exits_with_1_when_a_check_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "doctor") == 1
    assert "none found" in capsys.readouterr().out


@pytest.mark.usefixtures("sick_machine")
def test_doctor_prints_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "doctor", "--json") == 1
    assert json.loads(capsys.readouterr().out) == [
        {"name": "Chromium", "status": "fail", "detail": "none found", "remedy": "get one"}
    ]


@pytest.mark.usefixtures("sick_machine")
def test_an_error_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAIRN_CHROMIUM", "/does/not/exist")

    assert _run(monkeypatch, "doctor", "--fix") == 2

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == ("error: CAIRN_CHROMIUM='/does/not/exist': must be an executable file\n")


def test_an_error_is_raised_whole_for_those_who_debug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAIRN_CHROMIUM", "/does/not/exist")
    monkeypatch.setenv("CAIRN_DEBUG", "1")

    with pytest.raises(RuntimeError, match="must be an executable file"):
        _run(monkeypatch, "doctor", "--fix")


def test_the_module_runs_as_the_command_does() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cairn.cli", "nonsense"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "No such command 'nonsense'" in done.stderr
