"""The documentation says what the code says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cairn.envs.actions import ACTIONS

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_of_the_repository_resolves(page: Path) -> None:
    targets = [match[1] for match in LINK.finditer(page.read_text())]
    broken = [
        target
        for target in targets
        if not re.match(r"[a-z]+:", target) and not (page.parent / target).exists()
    ]

    assert broken == []


def test_the_page_on_actions_lists_the_actions_as_they_are() -> None:
    rows = []
    for name, kind in ACTIONS.items():
        arguments = [
            f"[{field}]" if not info.is_required() else field
            for field, info in kind.model_fields.items()
            if field != "action"
        ]
        rest = "*rest*" if kind.rest_of_line else ""
        rows.append(f"| `{' '.join([name, *arguments])}` | {kind.__doc__} | {rest} |")
    table = "\n".join(rows)

    page = (ROOT / "docs/actions.md").read_text()

    assert table in page, f"docs/actions.md: the table should be\n{table}"


def printed_by_examples(page: str) -> list[list[str]]:
    """Run each Python example of a page; return the lines it printed."""
    printed = []
    for example in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", example],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        printed.append(done.stdout.splitlines())
    return printed


@pytest.mark.browser
def test_the_examples_of_the_page_on_environments_run() -> None:
    vector, fork = printed_by_examples("docs/environments.md")

    assert vector[-1] == "[0. 0. 0. 0.] [False False False False]"
    assert fork == ["[False, True]"]


@pytest.mark.browser
def test_the_example_of_the_readme_solves_its_task() -> None:
    (printed,) = printed_by_examples("README.md")

    assert printed[-3:] == [
        "fill e2 Music  0.25 ['query-filled'] success: False",
        "click e3        0.5 ['results-listed'] success: False",
        "click e5        0.5 ['entry-opened'] success: True",
    ]
