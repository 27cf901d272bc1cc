"""Set-up: pins that fit, a script that knows when there is nothing to do, and clear refusals."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent
TARGETS = ("demo", "test", "test-fast", "test-slow", "check", "fix", "bench", "build")


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _pins() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {_canonical(name): Version(version) for name, version in pairs}


def _requirements() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    return [
        Requirement(line)
        for line in [*project["dependencies"], *extras["train"], *extras["dev"]]
    ]  # fmt: skip


@pytest.mark.parametrize("requirement", _requirements(), ids=lambda r: r.name)
def test_every_dependency_has_a_pin_within_its_range(requirement: Requirement) -> None:
    assert _pins()[_canonical(requirement.name)] in requirement.specifier


def test_pins_name_no_build_and_are_sorted() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()

    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    assert [line.lower() for line in lines] == sorted(line.lower() for line in lines)


@pytest.mark.parametrize("target", TARGETS)
def test_make_knows_the_target_and_sets_up_first(target: str) -> None:
    # Under `make test` the variables of the outer make would change what the inner one prints.
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    done = subprocess.run(
        ["make", "--dry-run", target],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )

    assert "./setup.sh" in done.stdout.splitlines()[0]


def test_ci_runs_the_two_commands_of_the_readme() -> None:
    commands = (ROOT / ".ci/run").read_text().splitlines()

    assert commands[-2:] == ["make check", "make test"]
    assert os.access(ROOT / ".ci/run", os.X_OK)
    assert "make test " in (ROOT / "README.md").read_text()


def _checkout(folder: Path) -> Path:
    for name in ("setup.sh", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    return folder / "setup.sh"


def _fake(path: Path, script: str) -> None:
    """Write a program that stands where the real one would be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def _run(script: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [script], env={**os.environ, **environment}, capture_output=True, text=True,
        check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_setup_does_nothing_a_second_time(tmp_path: Path) -> None:
    script = _checkout(tmp_path)
    # A recording interpreter: set-up itself, without the minutes of downloads.
    _fake(
        tmp_path / ".venv/bin/python",
        f'echo "$*" >> {tmp_path}/calls; case "$*" in *find_chromium*) echo /bin/true;; esac',
    )

    first = _run(script)
    (tmp_path / "calls").rename(tmp_path / "calls-first")
    second = _run(script)

    assert first.returncode == 0
    assert "==> Ready" in first.stdout
    first_calls = (tmp_path / "calls-first").read_text()
    assert "pip install --disable-pip-version-check -c constraints.txt torch==" in first_calls
    assert "-e .[train,dev]" in first_calls
    assert "doctor --fix" in first_calls
    assert (second.returncode, second.stdout) == (0, "")
    assert "pip" not in (tmp_path / "calls").read_text()


def test_setup_runs_again_when_the_dependencies_change(tmp_path: Path) -> None:
    script = _checkout(tmp_path)
    _fake(
        tmp_path / ".venv/bin/python",
        'case "$*" in *find_chromium*) echo /bin/true;; esac',
    )
    _run(script)

    with (tmp_path / "constraints.txt").open("a") as file:
        file.write("zzz==1.0\n")
    again = _run(script)

    assert "==> Ready" in again.stdout


def test_setup_takes_the_default_torch_with_a_warning_when_no_cpu_build_is_had(
    tmp_path: Path,
) -> None:
    script = _checkout(tmp_path)
    _fake(tmp_path / "bin/nvidia-smi", "exit 1")
    _fake(
        tmp_path / ".venv/bin/python",
        f'echo "$*" >> {tmp_path}/calls; case "$*" in '
        "*find_chromium*) echo /bin/true;; *+cpu*) exit 1;; esac",
    )

    done = _run(script, PATH=f"{tmp_path}/bin:{os.environ['PATH']}")

    assert done.returncode == 0
    assert "WARNING: no CPU build of torch" in done.stdout
    torch_calls = [c for c in (tmp_path / "calls").read_text().splitlines() if "torch==" in c]
    assert [call.split()[-1].partition("+")[2] for call in torch_calls] == ["cpu", "cpu", ""]
    assert "download.pytorch.org" in torch_calls[1]


def test_setup_takes_the_gpu_build_where_there_is_a_gpu(tmp_path: Path) -> None:
    script = _checkout(tmp_path)
    _fake(tmp_path / "bin/nvidia-smi", "exit 0")
    _fake(
        tmp_path / ".venv/bin/python",
        f'echo "$*" >> {tmp_path}/calls; case "$*" in *find_chromium*) echo /bin/true;; esac',
    )

    done = _run(script, PATH=f"{tmp_path}/bin:{os.environ['PATH']}")

    assert "NVIDIA GPU found" in done.stdout
    assert "+cpu" not in (tmp_path / "calls").read_text()


def test_setup_goes_on_without_the_pages_of_miniwob(tmp_path: Path) -> None:
    script = _checkout(tmp_path)
    _fake(
        tmp_path / ".venv/bin/python",
        'case "$*" in *find_chromium*) echo /bin/true;; *"--no-deps miniwob"*) exit 1;; esac',
    )

    done = _run(script)

    assert done.returncode == 0
    assert "WARNING: the pages of MiniWoB++ could not be had" in done.stdout
    assert "==> Ready" in done.stdout


def test_setup_leaves_no_stamp_when_a_step_fails(tmp_path: Path) -> None:
    script = _checkout(tmp_path)
    _fake(
        tmp_path / ".venv/bin/python",
        'case "$*" in *doctor*) echo "error: no Chromium" >&2; exit 2;; esac',
    )

    done = _run(script)

    assert done.returncode == 2
    assert done.stderr == "error: no Chromium\n"
    assert not (tmp_path / ".venv/setup.stamp").exists()


def test_setup_says_what_to_do_without_a_new_enough_python(tmp_path: Path) -> None:
    script = _checkout(tmp_path)
    for name in ("python3", "python3.11", "python3.12", "python3.13", "python3.14"):
        _fake(tmp_path / "bin" / name, "exit 1")

    done = _run(script, PATH=f"{tmp_path}/bin:/usr/bin:/bin")

    assert done.returncode == 2
    assert done.stderr.startswith("error: no Python 3.11 or newer found; install one")
    assert not (tmp_path / ".venv").exists()
