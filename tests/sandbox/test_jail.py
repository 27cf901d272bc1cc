"""The shell's jail: what a hostile command can reach, use up or leave behind."""

import asyncio
import os
import platform
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import psutil
import pytest

from cairn.sandbox import files
from cairn.sandbox import jail as module
from cairn.sandbox.errors import ActionError, Boundary, SandboxError, SetupError
from cairn.sandbox.events import EventKind, EventLog
from cairn.sandbox.jail import Jail, ShellResult, ensure_bubblewrap, find_jail
from cairn.sandbox.workspace import MAX_BYTES, MAX_DEPTH, Workspace

pytestmark = [pytest.mark.jail, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture
def home() -> Iterator[Workspace]:
    home = Workspace.create({"a.txt": b"one\n"}, ["Sales"])
    yield home
    home.close()
    assert not home.root.exists()


def kinds(home: Workspace) -> list[tuple[str, object]]:
    log = EventLog()
    home.record_changes(log)
    return [(event.kind, event.data["path"]) for event in log.events]


async def test_a_command_works_on_the_home_folder(jail: Jail, home: Workspace) -> None:
    done = await jail.run("pwd; cat a.txt; echo two >> a.txt; mkdir -p New/b; exit 3", home.root)
    assert done == ShellResult(output="/home/agent\none\n", exit_code=3)
    assert (home.root / "a.txt").read_text() == "one\ntwo\n"
    assert kinds(home) == [
        (EventKind.FILE_MODIFIED, "a.txt"),
        (EventKind.DIRECTORY_UPDATED, "."),
        (EventKind.DIRECTORY_UPDATED, "New"),
    ]


async def test_output_and_errors_come_in_order(jail: Jail, home: Workspace) -> None:
    done = await jail.run("echo 1; echo 2 >&2; echo 3; printf '\\377'", home.root)
    assert done.output == "1\n2\n3\n\ufffd"


async def test_a_command_sees_nothing_of_the_machine(jail: Jail, home: Workspace) -> None:
    secret, here = Path.home() / ".profile", Path(__file__).parent
    done = await jail.run(
        f"ls / /home; cat /etc/shadow /etc/hostname {secret}; ls {here} {home.root};"
        "ls /tmp /usr/local; env | sort; hostname; id -u",
        home.root,
    )
    shown = done.output.splitlines()
    assert shown[: shown.index("/home:")] == [
        "/:", "bin", "dev", "etc", "home", "lib", "lib64", "proc", "sbin", "tmp", "usr", "",
    ]  # fmt: skip
    assert shown[shown.index("/home:") :] == [
        "/home:",
        "agent",
        *(
            f"cat: {path}: No such file or directory"
            for path in ("/etc/shadow", "/etc/hostname", secret)
        ),
        *(f"ls: cannot access '{path}': No such file or directory" for path in (here, home.root)),
        *("/tmp:", "", "/usr/local:"),
        *("HOME=/home/agent", "LANG=C.UTF-8", "PATH=/usr/bin:/usr/sbin", "PWD=/home/agent"),
        *("TZ=UTC", "agent", "1000"),
    ]


async def test_another_home_is_out_of_reach(jail: Jail, home: Workspace) -> None:
    other = Workspace.create({"secret.txt": b"hush"}, [])
    try:
        done = await jail.run(
            f"cat {other.root}/secret.txt; ln -s {other.root}/secret.txt link; cat link;"
            f"ln {other.root}/secret.txt hard; ls /proc/*/root/tmp/cairn-home-*",
            home.root,
        )
    finally:
        other.close()
    assert "hush" not in done.output
    assert "secret" not in [entry.name for entry in home.root.iterdir()]


async def test_the_system_cannot_be_written(jail: Jail, home: Workspace) -> None:
    paths = ["/x", "/usr/x", "/usr/local/x", "/etc/x", "/dev/x", "/dev/shm/x", "/home/x", "/bin/sh"]
    done = await jail.run("; ".join(f"touch {path} && echo WROTE" for path in paths), home.root)
    assert "WROTE" not in done.output
    assert len(done.output.splitlines()) == len(paths)


async def test_there_is_no_network(jail: Jail, home: Workspace) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        done = await jail.run(
            f"tail -n +3 /proc/net/dev | cut -d: -f1; bash -c 'echo > /dev/tcp/127.0.0.1/{port}'",
            home.root,
        )
    assert done.output.split()[0] == "lo"
    assert "Connection refused" in done.output


async def test_no_process_outside_can_be_seen_or_killed(jail: Jail, home: Workspace) -> None:
    with subprocess.Popen(["sleep", "60"]) as outside:
        command = f"ls -d /proc/[0-9]* | wc -l; kill -9 {outside.pid} 1; kill -9 -1; echo alive"
        done = await jail.run(command, home.root)
        assert outside.poll() is None
        outside.kill()
    assert int(done.output.splitlines()[0]) <= 4
    assert "No such process" in done.output


async def test_privileges_and_new_namespaces_are_refused(jail: Jail, home: Workspace) -> None:
    done = await jail.run(
        "grep -E '^(Cap(Prm|Eff|Bnd)|NoNewPrivs|Seccomp):' /proc/self/status;"
        "unshare -U true; mount -t tmpfs none /tmp && echo MOUNTED; ipcmk -M 1024",
        home.root,
    )
    assert done.output.splitlines()[:5] == [
        "CapPrm:\t0000000000000000",
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
    ]
    assert "unshare failed" in done.output
    assert "MOUNTED" not in done.output
    assert "Operation not permitted" in done.output.splitlines()[-1]


async def test_no_descriptor_of_cairns_is_open_inside(jail: Jail, home: Workspace) -> None:
    done = await jail.run("for each in 1 $$; do ls /proc/$each/fd; done; true", home.root)
    assert done.output.split() == ["0", "1", "2"] * 2


async def test_a_fork_bomb_stays_inside(jail: Jail, home: Workspace) -> None:
    before = len(psutil.pids())
    done = await jail.run("b() { b | b & }; b; sleep 0.3; echo end", home.root)
    assert "Cannot fork" in done.output
    assert len(psutil.pids()) < before + 20


async def test_what_is_left_running_ends_with_the_command(jail: Jail, home: Workspace) -> None:
    started = time.monotonic()
    done = await jail.run("(sleep 0.5; echo late > late.txt) & setsid sleep 77 & echo x", home.root)
    assert done == ShellResult(output="x\n", exit_code=0)
    assert time.monotonic() - started < 5
    assert not [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "77"]]
    await asyncio.sleep(0.6)
    assert kinds(home) == []


FULL = "the home folder holds at most 64 MiB and 2000 entries, in folders that can be read"
HOG = "head -c 300M /dev/zero | tail -c 300M | sleep 20"


@pytest.mark.parametrize(
    ("command", "stopped"),
    [
        ("yes", "it printed more than 1 MiB"),
        (f"{HOG} & {HOG}", "it used more than 512 MiB of memory"),
        (
            "i=0; while :; do head -c 20M /dev/zero > f$i; i=$((i+1)); done",
            FULL,
        ),
        (
            "i=0; while :; do truncate -s 20M f$i; i=$((i+1)); done",
            FULL,
        ),
        (
            "i=0; while :; do : > f$i; i=$((i+1)); done",
            FULL,
        ),
    ],
)
async def test_what_uses_too_much_is_stopped(
    jail: Jail, home: Workspace, command: str, stopped: str
) -> None:
    done = await jail.run(command, home.root)
    assert (done.exit_code, done.stopped) == (None, stopped)
    assert len(done.output) <= module.MAX_OUTPUT_BYTES
    assert (await jail.run("rm -rf *; echo still here", home.root)).output == "still here\n"


async def test_what_takes_too_long_is_stopped_even_without_output(
    jail: Jail, home: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WALL_S", 0.3)
    done = await jail.run("echo begun; exec >&- 2>&-; sleep 60", home.root)
    assert done == ShellResult(output="begun\n", exit_code=None, stopped="it ran for 0 s")


@pytest.mark.slow
async def test_a_busy_loop_uses_up_its_processor_time(jail: Jail, home: Workspace) -> None:
    done = await jail.run("while :; do :; done", home.root)
    assert (done.exit_code, done.stopped) == (137, "")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("head -c 100M /dev/zero > big; echo $?; stat -c %s big", str(MAX_BYTES)),
        ("head -c 20M /dev/zero > /tmp/big; stat -c %s /tmp/big", str(module.TEMPORARY_BYTES)),
        ("head -c 600M /dev/zero | tail -c 600M > /dev/null", "memory exhausted"),
    ],
)
async def test_a_single_process_meets_its_limits(
    jail: Jail, home: Workspace, command: str, said: str
) -> None:
    done = await jail.run(command, home.root)
    assert said in done.output
    assert not done.stopped


async def test_a_tree_that_is_hard_to_read_is_put_right(jail: Jail, home: Workspace) -> None:
    deep = "d=deep; for i in $(seq 60); do mkdir $d; cd $d; : > f; done; cd ~; "
    odd = "mkfifo pipe; ln -s /etc/passwd link; touch \"$(printf 'n\\377')\"; "
    shut = "mkdir shut; : > shut/f; chmod 0 shut/f shut a.txt ."
    await jail.run(deep + odd + shut, home.root)
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o700
    home.record_changes(EventLog())
    shown = home.listing()
    assert {"a.txt", "link", "pipe", "shut/f", "n\\xff"} <= set(shown)
    assert max(len(PurePosixPath(name).parts) for name in shown) == MAX_DEPTH
    assert (await jail.run("cat a.txt", home.root)).output == "one\n"
    for use in (files.read_file, lambda h, name: files.write_file(h, name, "x")):
        with pytest.raises(ActionError, match="'pipe' is a special file"):
            use(home, "pipe")
        with pytest.raises(ActionError, match="symbolic links are not followed"):
            use(home, "link")


async def test_names_too_long_for_any_call_are_put_right(jail: Jail, home: Workspace) -> None:
    await jail.run(
        "n=$(printf '%0200d' 0); for i in $(seq 30); do mkdir $n; cd $n; done", home.root
    )
    home.record_changes(EventLog())
    assert 1_000 < max(len(name) for name in home.listing()) < 2_048
    assert (
        await jail.run("rm -r 0*; ls", home.root)
    ).output == "Documents\nDownloads\nSales\na.txt\n"


@pytest.mark.parametrize(
    "hide", ["for i in $(seq 40); do mkdir d; cd d; done", "mkdir d; cd d; chmod 300 ."]
)
async def test_nothing_can_be_written_where_it_is_not_counted(
    jail: Jail, home: Workspace, hide: str
) -> None:
    write = "i=0; while :; do head -c 20M /dev/zero > f$i; i=$((i+1)); done"
    assert (await jail.run(f"{hide}; {write}", home.root)).stopped == FULL


async def test_a_change_cannot_be_hidden_behind_its_time(jail: Jail, home: Workspace) -> None:
    command = "touch -r a.txt Sales/ref; printf 'two\\n' > a.txt; touch -r Sales/ref a.txt"
    await jail.run(command, home.root)
    assert (EventKind.FILE_MODIFIED, "a.txt") in kinds(home)


async def test_times_of_files_are_the_same_each_run(jail: Jail, home: Workspace) -> None:
    (home.root / "new.txt").write_text("new")
    done = await jail.run("stat -c %Y . a.txt new.txt", home.root)
    assert done.output.split() == ["1700000000"] * 3


async def test_the_same_command_twice_at_once_and_many(jail: Jail) -> None:
    homes = [Workspace.create({"n.txt": str(n).encode()}, []) for n in range(8)]
    done = await asyncio.gather(*(jail.run("cat n.txt; sleep 0.1", h.root) for h in homes))
    assert [each.output for each in done] == [str(n) for n in range(8)]
    for each in homes:
        each.close()


async def test_a_cancelled_command_is_killed(jail: Jail, home: Workspace) -> None:
    task = asyncio.create_task(jail.run("touch begun; sleep 78", home.root))
    while not (home.root / "begun").exists():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "78"]]


async def test_a_jail_that_cannot_be_made_is_an_error_of_its_own(home: Workspace) -> None:
    with pytest.raises(SandboxError, match="jail: cannot start bubblewrap") as caught:
        await Jail("/nonexistent/bwrap").run("true", home.root)
    assert caught.value.boundary is Boundary.JAIL
    with pytest.raises(SandboxError, match="jail: bubblewrap ended without a result"):
        await Jail("/bin/true").run("true", home.root)


async def test_a_machine_without_a_jail_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    with pytest.raises(SetupError, match="shell: no jail for vax; there is one for x86_64 and"):
        await find_jail()
    monkeypatch.undo()
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/false")
    with pytest.raises(SetupError, match="kernel must allow user namespaces"):
        await find_jail()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SetupError, match="shell: bubblewrap is missing; apt install bubblewrap"):
        await find_jail()


@pytest.mark.parametrize(
    ("uid", "missing", "commands"), [(0, True, 2), (0, False, 0), (1, True, 0)]
)
async def test_bubblewrap_is_installed_where_root_lacks_it(
    monkeypatch: pytest.MonkeyPatch, uid: int, missing: bool, commands: int
) -> None:
    done: list[object] = []

    def run(command: object, **_: object) -> "subprocess.CompletedProcess[bytes]":
        done.append(command)
        return subprocess.CompletedProcess([], 0)

    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr(
        shutil, "which", lambda name: None if missing and name == "bwrap" else f"/bin/{name}"
    )
    monkeypatch.setattr(subprocess, "run", run)
    ensure_bubblewrap(lambda text: None)
    assert len(done) == commands
