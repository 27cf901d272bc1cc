"""Actions on a desk: which part of it each reaches, and its result text."""

import pytest

from cairn.envs.actions import ACTIONS, parse_action
from cairn.envs.perform import _BROWSER_ACTIONS, _FILE_ACTIONS, MAX_READ_CHARS
from cairn.sandbox.errors import ActionError
from cairn.sandbox.events import EventKind
from cairn.sandbox.jail import Jail
from tests.conftest import OpenLab

SEQUENCE = "".join(map(str, range(1, 2001)))

pytestmark = pytest.mark.browser


def test_every_action_is_performed_by_someone() -> None:
    elsewhere = {"dialog", "answer", "give_up", "read", "run", "wait"}
    by_table = {
        name for name, kind in ACTIONS.items() if kind in {**_BROWSER_ACTIONS, **_FILE_ACTIONS}
    }
    assert by_table | elsewhere == set(ACTIONS)
    assert not by_table & elsewhere


@pytest.mark.asyncio
async def test_file_actions_reach_the_home_folder(open_lab: OpenLab) -> None:
    lab = await open_lab("<p>x</p>", {"a.txt": b"one"})
    for line, result in [
        ("list_dir .", "Documents/, Downloads/, a.txt"),
        ("read_file a.txt", "one"),
        ("make_dir Sales", "made Sales"),
        ("copy a.txt Sales/", "copied to Sales/a.txt"),
        ("move a.txt b.txt", "moved to b.txt"),
        ('write_file "c d.txt" two words', "wrote 9 bytes"),
        ("read_file c d.txt", "two words"),
        ("delete b.txt", "deleted b.txt"),
    ]:
        assert await lab.do(line) == result
    assert lab.view.files == ("Documents/", "Downloads/", "Sales/", "Sales/a.txt", "c d.txt")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "line",
    [
        "read_file /etc/passwd", "read_file ../../etc/passwd", "list_dir /", "delete ..",
        "write_file /tmp/x y", "move a.txt /tmp/x", "copy a.txt ../x", "make_dir ../x",
        "upload e1 /etc/passwd", "upload e1 ../../etc/passwd",
    ],
)  # fmt: skip
async def test_no_action_reaches_beyond_the_home_folder(open_lab: OpenLab, line: str) -> None:
    lab = await open_lab("<input type=file aria-label=F>", {"a.txt": b"one"})
    with pytest.raises(ActionError, match="must stay inside the home folder"):
        await lab.do(line)


@pytest.mark.asyncio
async def test_what_the_system_refuses_is_an_error_text(open_lab: OpenLab) -> None:
    lab = await open_lab("<p>x</p>", {"a.txt": b"one"})
    (lab.desk.workspace.root / "locked").mkdir(mode=0)
    path = "/".join(["d" * 200] * 5)
    with pytest.raises(ActionError, match="does not exist"):
        await lab.do(f"read_file {path}")
    with pytest.raises(ActionError, match=r"folder 'a.txt' does not exist"):
        await lab.do("write_file a.txt/b x")


@pytest.mark.asyncio
async def test_reading_returns_the_whole_text_to_evidence_and_a_part_to_the_agent(
    open_lab: OpenLab,
) -> None:
    long = "word " * 1000
    lab = await open_lab(f"<button>{long}</button><input type=password aria-label=P value=secret>")
    assert await lab.do("read e1") == long[:MAX_READ_CHARS] + "..."
    assert lab.seen(EventKind.TEXT_RETRIEVED) == [{"role": "button", "text": long.strip()}]
    assert await lab.do("read e2") == "••••••"


@pytest.mark.asyncio
async def test_answers_are_evidence_and_need_no_page(open_lab: OpenLab) -> None:
    lab = await open_lab("<button onclick='alert(1)'>A</button>")
    await lab.do("click e1")
    assert await lab.do("answer 4 2") == ""
    assert lab.seen(EventKind.ANSWER_GIVEN) == [{"text": "4 2"}]
    assert await lab.do("give_up") == ""
    assert parse_action("give_up").action == "give_up"


@pytest.mark.asyncio
@pytest.mark.jail
@pytest.mark.parametrize(
    ("command", "result", "exit_code"),
    [
        ("wc -l < a.txt", "1", 0),
        ("touch b.txt", "(no output)", 0),
        ("echo no; exit 3", "no\n(exit code 3)", 3),
        ("false", "(exit code 1)", 1),
        ("printf 'a\\0b'", "a\ufffdb", 0),
        (
            "seq 2000",
            "\n".join(map(str, range(1, 2001)))[:4000] + "... (8892 characters in all)",
            0,
        ),
    ],
)
async def test_commands_run_in_the_home_folder(
    open_lab: OpenLab, jail: Jail, command: str, result: str, exit_code: int
) -> None:
    lab = await open_lab("<p>x</p>", {"a.txt": b"one\n"}, has_shell=True)
    assert await lab.do(f"run {command}") == result
    launched = {"command": command, "exit_code": exit_code}
    assert lab.seen(EventKind.PROCESS_LAUNCHED) == [launched]


@pytest.mark.asyncio
@pytest.mark.jail
async def test_a_command_that_is_stopped_says_why(open_lab: OpenLab, jail: Jail) -> None:
    lab = await open_lab("<p>x</p>", has_shell=True)
    result = await lab.do("run echo first; yes")
    assert result.startswith("first\ny\ny\n")
    assert result.endswith(" characters in all)\n(stopped: it printed more than 1 MiB)")
    assert [data["exit_code"] for data in lab.seen(EventKind.PROCESS_LAUNCHED)] == [None]


@pytest.mark.asyncio
@pytest.mark.jail
async def test_downloads_survive_what_a_shell_did_to_their_folder(
    open_lab: OpenLab, jail: Jail
) -> None:
    lab = await open_lab(
        "<a href='/export?disposition=attachment;filename=a.csv'>A</a>", has_shell=True
    )
    for command in ("rm -r Downloads; mkfifo Downloads", "rm Downloads; ln -s /etc Downloads"):
        await lab.do(f"run {command}")
        await lab.do(f"click {lab['A']}")
        assert lab.seen(EventKind.DOWNLOAD_COMPLETED) == []
    await lab.do("run rm Downloads")
    await lab.do(f"click {lab['A']}")
    assert await lab.do("run echo 3,4 >> Downloads/a.csv; cat Downloads/a.csv") == "a,b\n1,2\n3,4"


@pytest.mark.asyncio
async def test_without_a_shell_commands_are_refused(open_lab: OpenLab) -> None:
    lab = await open_lab("<p>x</p>")
    with pytest.raises(ActionError, match="this task has no shell; use the file actions"):
        await lab.do("run ls")
