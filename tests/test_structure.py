"""The house rules that a linter cannot check."""

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("sandbox", "rewards", "envs", "agents", "trainers")
MAX_LINES = 600

# What each package may import from Cairn, besides itself.
BELOW = {
    "sandbox": (),
    "rewards": ("sandbox",),
    "envs": ("sandbox", "rewards"),
    "agents": ("sandbox", "rewards", "envs"),
    "trainers": ("sandbox", "rewards", "envs", "agents"),
}

# The public names. A change here is a change that users notice: it belongs in the changelog.
PUBLIC: dict[str, tuple[str, ...]] = {
    "cairn": (
        "CairnEnv",
        "CairnError",
        "CairnVectorEnv",
        "Env",
        "Observation",
        "Sandbox",
        "StepResult",
        "TASKS",
        "Task",
        "__version__",
        "make_vec",
    ),
    "cairn.sandbox": (
        "ActionError",
        "Boundary",
        "CairnError",
        "ConfigError",
        "Event",
        "EventKind",
        "EventLog",
        "Sandbox",
        "SandboxError",
        "SetupError",
        "Source",
        "TaskError",
        "UnknownNameError",
    ),
    "cairn.rewards": (
        "AllOf",
        "Answered",
        "AnyOf",
        "Detection",
        "Detector",
        "DialogOpened",
        "DirectoryUpdated",
        "Downloaded",
        "ElementShown",
        "FieldFilled",
        "FileMatches",
        "FilePresent",
        "InOrder",
        "Ledger",
        "Milestone",
        "NavigatedTo",
        "NotificationShown",
        "OnlyChanges",
        "Payment",
        "Score",
        "SiteRow",
        "Status",
        "Submitted",
        "TextRead",
        "Tier",
        "TitleShown",
        "Toggled",
    ),
    "cairn.envs": (
        "Action",
        "CairnEnv",
        "CairnVectorEnv",
        "Category",
        "Env",
        "Observation",
        "SUITES",
        "Split",
        "StepResult",
        "TASKS",
        "Task",
        "World",
        "action_schema",
        "find_task",
        "find_tasks",
        "make_vec",
        "parse_action",
        "parse_seeds",
        "split_seed",
    ),
    "cairn.agents": (
        "AGENTS",
        "Agent",
        "AgentMaker",
        "Decision",
        "Engine",
        "FinishReason",
        "Generation",
        "NoopAgent",
        "OracleAgent",
        "RandomAgent",
        "Request",
        "SamplingParams",
        "Trajectory",
        "Turn",
        "rollout",
        "run_all",
    ),
    "cairn.trainers": (),
}

TORCH_FREE = ("cairn", "cairn.sandbox", "cairn.rewards", "cairn.envs", "cairn.agents", "cairn.cli")

SOURCES = sorted(
    path
    for folder in ("cairn", *PACKAGES, "tests", "benchmarks", "examples")
    for path in (ROOT / folder).rglob("*.py")
)


def _imports(path: Path) -> Iterator[str]:
    """Yield the absolute names of the modules that a file imports, wherever it does so."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_one_way(package: str) -> None:
    allowed = [f"cairn.{name}" for name in (package, *BELOW[package])]

    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for module in _imports(path)
        if _is_within(module, "cairn")
        and module != "cairn"
        and not any(_is_within(module, name) for name in allowed)
    ]

    assert wrong == []


def test_nothing_imports_a_folder_by_its_bare_name() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in SOURCES
        for module in _imports(path)
        if module.partition(".")[0] in PACKAGES
    ]

    assert wrong == []


@pytest.mark.parametrize("module", TORCH_FREE)
def test_importing_the_light_packages_loads_no_heavy_one(module: str) -> None:
    code = (
        f"import sys, {module}\n"
        "print(*sorted({'torch', 'transformers', 'vllm', 'matplotlib'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True, text=True, check=False, cwd="/",
    )  # fmt: skip

    assert done.stderr == ""
    assert done.stdout.split() == []


def test_every_link_in_the_root_package_is_relative_and_resolves() -> None:
    links = {path.name: path for path in (ROOT / "cairn").iterdir() if path.is_symlink()}

    assert set(links) == set(PACKAGES)
    for name, link in links.items():
        assert link.readlink() == Path("..") / name
        assert link.is_dir()


@pytest.mark.parametrize("module", PUBLIC)
def test_the_public_names_are_the_written_ones(module: str) -> None:
    imported = importlib.import_module(module)

    names = tuple(getattr(imported, "__all__", ()))

    assert sorted(names) == sorted(PUBLIC[module])
    assert all(hasattr(imported, name) for name in names)


def test_no_file_is_too_long() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in SOURCES
        if (lines := len(path.read_text().splitlines())) > MAX_LINES
    }

    assert long == {}


def test_every_folder_of_code_is_a_package() -> None:
    folders = {path.parent for path in SOURCES if path.is_relative_to(ROOT / "tests")}
    folders |= {path.parent for name in PACKAGES for path in (ROOT / name).rglob("*.py")}

    assert [str(f) for f in sorted(folders) if not (f / "__init__.py").is_file()] == []


def test_the_changelog_opens_with_the_version_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    top = re.search(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)

    assert top is not None
    assert top[1] == project["version"]
