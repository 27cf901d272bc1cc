import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

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


COMMANDS = (
    "tasks", "run", "check", "collect", "replay", "rescore", "train", "eval", "doctor",
)  # fmt: skip


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
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


def _json_of(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_tasks_lists_what_their_milestones_pay(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "tasks", "--category", "mail") == 0
    shown = capsys.readouterr().out
    assert "mail-send-attachment-v1" in shown
    assert "0.5  file-attached" in shown
    assert "search-open-v1" not in shown


def test_tasks_prints_json_for_tasks_named_with_commas(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "tasks", "--suite", "search-open-v1, file-export-v1", "--json") == 0

    listed = _json_of(capsys)
    assert [(task["id"], task["total"]) for task in listed] == [
        ("search-open-v1", 1.25),
        ("file-export-v1", 1.75),
    ]
    assert listed[0]["milestones"][0] == {
        "name": "query-filled",
        "value": 0.25,
        "is_required": True,
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "serch-open-v1"), "no task named 'serch-open-v1'; did you mean 'search-open-v1'?"),
        (("run", "search-open-v1", "--agent", "oracel"), "did you mean 'oracle'?"),
        (("tasks", "--suite", "demos"), "no suite named 'demos'; did you mean 'demo'?"),
        (("tasks", "--category", "post"), "no category named 'post'"),
        (("check",), "check: name tasks, or give --all"),
        (("check", "search-open-v1", "--all"), "check: name tasks, or give --all"),
        (("eval", "--agent", "noop", "--out", "X", "--seeds", "3"), "seeds '3': write A:B"),
        (("eval", "--agent", "noop", "--out", "X", "--fail-on-regression"), "needs --baseline"),
        (
            ("eval", "--agent", "noop", "--out", "X", "--baseline", "gone"),
            "results 'gone': No such",
        ),
        (("eval", "--agent", "noop", "--out", "/proc/x/y"), "run folder '/proc/x/y': "),
        (
            ("collect", "--episodes", "9999999", "--out", "X"),
            "has seeds 0 to 1048575",
        ),
    ],
)
def test_bad_input_is_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)

    assert _run(monkeypatch, *arguments) == 2

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.browser
def test_run_shows_an_episode_and_keeps_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert _run(monkeypatch, "run", "search-open-v1", "--record", str(tmp_path / "run")) == 0

    shown = capsys.readouterr().out
    assert "entry-opened +0.5" in shown
    assert "success, return 1.25 in 3 steps" in shown
    assert (tmp_path / "run/episodes/search-open-v1-0/episode.jsonl").is_file()


@pytest.mark.browser
def test_run_shows_pages_and_exits_with_1_without_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "run", "search-open-v1", "--agent", "noop", "--pages") == 1

    shown = capsys.readouterr().out
    assert shown.count('textbox "Search"') == 7  # the start and six steps
    assert "no success, return 0 in 6 steps" in shown


@pytest.mark.browser
def test_run_prints_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "run", "search-open-v1", "--seed", "5", "--json") == 0

    episode = _json_of(capsys)
    assert (episode["seed"], episode["is_success"], len(episode["turns"])) == (5, True, 3)


@pytest.mark.browser
def test_check_proves_a_task_and_reports_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    report = tmp_path / "check.xml"

    assert _run(monkeypatch, "check", "search-open-v1", "--seeds", "2", "--junit", str(report)) == 0

    assert capsys.readouterr().out.splitlines()[1].split() == ["search-open-v1", *["2/2"] * 5]
    assert ET.parse(report).getroot().get("tests") == "10"


@pytest.mark.browser
def test_collect_and_eval_write_run_folders_and_gates_decide(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    demos, old, new = (str(tmp_path / name) for name in ("demos", "old", "new"))
    tasks = ("--suite", "search-open-v1")

    assert _run(monkeypatch, "collect", *tasks, "--episodes", "2", "--out", demos) == 0
    assert "2 episodes in" in capsys.readouterr().out
    assert _run(monkeypatch, "eval", "--agent", "oracle", *tasks, "--out", old, "--json") == 0
    assert _json_of(capsys)["summaries"][-1]["success"] == 1.0
    gates = ("--baseline", old, "--fail-on-regression", "--fail-under", "0.5")
    report = tmp_path / "eval.xml"
    arguments = ("eval", "--agent", "noop", *tasks, "--out", new, *gates, "--junit", str(report))
    assert _run(monkeypatch, *arguments) == 1

    shown = " ".join(capsys.readouterr().out.split())
    assert "against the baseline: -100.0 points" in shown
    assert "failed fail-under: success 0.0% is under 50.0%" in shown
    assert "failed no-regression: success fell by 100.0%" in shown
    results = json.loads((tmp_path / "new/results.json").read_text())["results"]
    assert [result["seed"] for result in results] == [2**20 + n for n in range(10)]
    root = ET.parse(report).getroot()
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("12", "2", "10")
    assert len(list((tmp_path / "new/episodes").iterdir())) == 10


@pytest.mark.browser
def test_replay_and_rescore_find_what_was_tampered_with(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run, again = tmp_path / "run", tmp_path / "again"
    report = tmp_path / "replay.xml"
    assert _run(monkeypatch, "run", "search-open-v1", "--record", str(run)) == 0
    capsys.readouterr()
    assert _run(monkeypatch, "replay", str(run)) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["search-open-v1", "1", "3", "1/1"]
    assert _run(monkeypatch, "rescore", str(run)) == 0
    assert "search-open-v1         1        0         1.25  1.25" in capsys.readouterr().out

    [file] = run.glob("episodes/*/episode.jsonl")
    file.write_text(file.read_text().replace('"value": 0.5', '"value": 2.5'))
    assert _run(monkeypatch, "replay", str(file), "--junit", str(report)) == 1
    assert "refuted search-open-v1 seed 0: step 2: payments:" in capsys.readouterr().out
    assert ET.parse(report).getroot().get("failures") == "1"
    assert _run(monkeypatch, "rescore", str(run), "--out", str(again), "--json") == 1
    [told] = json.loads(capsys.readouterr().out)
    assert (told["return_now"], told["is_success_now"], told["is_same"]) == (1.25, True, False)
    assert _run(monkeypatch, "rescore", str(again)) == 0


@pytest.mark.browser
def test_a_run_folder_that_is_taken_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()

    assert _run(monkeypatch, "eval", "--agent", "noop", "--out", str(tmp_path)) == 2
    assert "must be empty or new; name another" in capsys.readouterr().err
