"""The environment: steps, rewards, ends, voids, and that equal actions give equal episodes."""

import asyncio
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from typing import Any

import pytest
import pytest_asyncio

from cairn.agents.scripted import AGENTS
from cairn.envs.core import Env, StepResult, draw_facts
from cairn.envs.task import Task
from cairn.envs.tasks import TASKS
from cairn.envs.world import World
from cairn.rewards.detectors import DialogOpened
from cairn.rewards.ledger import Payment, Tier
from cairn.rewards.milestones import Detector
from cairn.sandbox.errors import Boundary, CairnError, SandboxError, SetupError
from cairn.sandbox.events import EventKind
from cairn.sandbox.jail import Jail
from cairn.sandbox.sandbox import Sandbox
from tests.fakes import BrokenDetector, BrokenRewardTask, BrokenSiteTask, LabTask

pytestmark = [pytest.mark.browser, pytest.mark.asyncio]

OpenEnv = Callable[..., Awaitable[Env]]


@pytest_asyncio.fixture
async def open_env(sandbox: Sandbox, lab_site: None) -> AsyncIterator[OpenEnv]:
    opened: list[Env] = []

    async def open_one(task: Task[Any] | None = None, *, seed: int = 3) -> Env:
        env = Env(task or LabTask(), sandbox)
        opened.append(env)
        await env.reset(seed)
        return env

    yield open_one
    for env in opened:
        await env.close()


def ref(result: StepResult | Env, name: str) -> str:
    page = (result.observation if isinstance(result, StepResult) else result._observation).page  # type: ignore[union-attr]
    found = re.search(rf'"{name}".*\[ref=(e\d+)\]', page)
    assert found, page
    return found[1]


class ShellTask(LabTask):
    has_shell = True


class FilesTask(LabTask):
    """Has no browser."""

    start_url = None

    def setup(self, world: World, facts: int) -> None:
        world.write_file("facts.txt", str(facts))


class FragileTask(LabTask):
    def failure(self, facts: int) -> Detector:
        return DialogOpened(name="Sure?")


class BrokenFailureTask(LabTask):
    def failure(self, facts: int) -> Detector:
        return BrokenDetector()


# Steps and their rewards


async def test_reset_shows_goal_page_and_files(sandbox: Sandbox, lab_site: None) -> None:
    env = Env(LabTask(), sandbox)
    seen = await env.reset(3)
    facts = draw_facts(LabTask(), 3)
    assert (seen.goal, seen.step, seen.max_steps) == (f"Save {facts}.", 0, 4)
    assert (seen.url, seen.title, seen.dialog) == ("http://lab.localhost/", "Lab", "")
    assert seen.files == ("Documents/", "Downloads/", "facts.txt")
    assert (seen.result, seen.is_error) == ("", False)
    text = seen.to_text().splitlines()
    assert text[:6] == [
        f"goal: Save {facts}.",
        "url: http://lab.localhost/",
        "title: Lab",
        "files: Documents/, Downloads/, facts.txt",
        "step: 0 of 4",
        "page:",
    ]
    assert text[6] == '- button "Save" [ref=e1]'
    await env.close()


async def test_success_ends_the_episode_and_pays_with_receipts(open_env: OpenEnv) -> None:
    env = await open_env()
    result = await env.step(f"click {ref(env, 'Save')}")
    assert result.reward == 0.75  # 0.25 submitted + 0.5 saved
    submitted = next(e.seq for e in env.events if e.kind is EventKind.SUBMIT_CLICKED)
    saved = next(e.seq for e in env.events if e.kind is EventKind.NOTIFICATION_SHOWN)
    assert result.payments == (
        Payment(step=1, milestone="submitted", tier=Tier.RULE, value=0.25, evidence=(submitted,)),
        Payment(step=1, milestone="saved", tier=Tier.RULE, value=0.5, evidence=(saved,)),
    )
    assert (result.is_success, result.is_terminal, result.is_truncated) == (True, True, False)
    assert (result.is_over, result.void) == (True, None)
    assert env.payments == list(result.payments)
    with pytest.raises(CairnError, match="no episode is under way: call reset first"):
        await env.step("wait 1")


async def test_bad_action_is_an_ordinary_step_with_an_error_text(open_env: OpenEnv) -> None:
    env = await open_env()
    for step, (line, reason) in enumerate(
        [("fly", "no action named 'fly'"), ("click e99", "no element e99 on this page")], start=1
    ):
        result = await env.step(line)
        assert result.observation.is_error
        assert result.observation.result.startswith(reason)
        assert f"error: {reason}" in result.observation.to_text()
        assert (result.reward, result.is_success, result.is_over) == (0.0, False, False)
        assert result.observation.step == step
    result = await env.step("read_file facts.txt")
    assert result.observation.result == str(env.facts)
    assert f"result: {env.facts}" in result.observation.to_text()


async def test_episode_is_cut_at_its_step_limit(open_env: OpenEnv) -> None:
    env = await open_env()
    results = [await env.step("wait 1") for _ in range(4)]
    assert [result.is_truncated for result in results] == [False, False, False, True]
    assert not any(result.is_terminal or result.is_success for result in results)


@pytest.mark.parametrize("line", ["answer 42", "give_up"])
async def test_agent_can_end_the_episode(open_env: OpenEnv, line: str) -> None:
    env = await open_env()
    result = await env.step(line)
    assert (result.is_terminal, result.is_success, result.reward) == (True, False, 0.0)
    answers = [e.data for e in env.events if e.kind is EventKind.ANSWER_GIVEN]
    assert answers == ([{"text": "42"}] if "answer" in line else [])


async def test_open_dialog_is_seen_and_paid_once(open_env: OpenEnv) -> None:
    env = await open_env()
    result = await env.step(f"click {ref(env, 'Ask')}")
    assert (result.observation.dialog, result.reward) == ("confirm: Sure?", 0.125)
    assert "dialog: confirm: Sure?" in result.observation.to_text()
    assert (await env.step("list_dir .")).reward == 0.0
    result = await env.step("dialog accept")
    assert (result.observation.dialog, result.reward) == ("", 0.0)
    assert (await env.step(f"click {ref(env, 'Ask')}")).reward == 0.0


async def test_episodes_follow_each_other_in_one_environment(open_env: OpenEnv) -> None:
    env = await open_env()
    await env.step("write_file x y")
    first = await env.reset(4)
    assert (first.step, first.files) == (0, ("Documents/", "Downloads/", "facts.txt"))
    assert (env.seed, env.payments, {event.step for event in env.events}) == (4, [], {0})
    result = await env.step(f"click {ref(env, 'Save')}")
    assert result.is_success
    await env.close()
    await env.close()
    assert env.events == []
    with pytest.raises(CairnError, match="call reset first"):
        await env.step("wait 1")


async def test_step_that_was_cancelled_ends_the_episode(open_env: OpenEnv) -> None:
    env = await open_env()
    task = asyncio.create_task(env.step("wait 60"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(CairnError, match="call reset first"):
        await env.step("wait 1")
    assert (await env.reset(1)).step == 0


# Hashes


async def test_state_hash_is_that_of_the_situation(open_env: OpenEnv) -> None:
    env = await open_env()
    start = env._observation
    assert start is not None
    waited = (await env.step("wait 1")).observation
    assert waited.state_hash == start.state_hash
    assert waited.replay_hash != start.replay_hash
    written = (await env.step("write_file x y")).observation
    assert written.state_hash != start.state_hash
    deleted = (await env.step("delete x")).observation
    assert deleted.state_hash == start.state_hash
    other = await open_env()
    away = (await other.step(f"click {ref(other, 'Other')}")).observation
    back = (await other.step("back")).observation
    assert away.state_hash != back.state_hash == start.state_hash


async def test_state_hash_does_not_depend_on_the_refs(sandbox: Sandbox, lab_site: None) -> None:
    class Growing(LabTask):
        pages = {  # noqa: RUF012
            "/": "<div id=d></div><button onclick='d.innerHTML = `<button>X</button>`'>A</button>"
            "<button onclick='d.innerHTML = ``'>B</button>"
        }

    env = Env(Growing(), sandbox)
    await env.reset(1)
    pages, hashes = [], []
    for line in ("click e1", "click e2", "click e1", "wait 1"):
        seen = (await env.step(line)).observation
        pages.append(seen.page)
        hashes.append(seen.state_hash)
    await env.close()
    assert pages[0] != pages[2]  # the new X has another ref
    assert hashes[0] == hashes[2] == hashes[3] != hashes[1]


# Voids


async def test_killed_browser_voids_the_step_and_never_pays_zero(lab_site: None) -> None:
    async with Sandbox.open() as sandbox:
        env = Env(LabTask(), sandbox)
        first = await env.reset(3)
        await env.step("wait 1")
        os.killpg(sandbox.process_id, signal.SIGKILL)
        result = await env.step(f"click {ref(env, 'Save')}")
        assert result.reward is None
        assert (result.is_success, result.payments) == (None, ())
        assert (result.is_terminal, result.is_truncated) == (False, True)
        assert result.void is not None
        assert "browser has gone" in result.void
        assert result.observation.step == 1  # what it saw last
        with pytest.raises(CairnError, match="call reset first"):
            await env.step("wait 1")
        assert await env.reset(3) == first
        assert (await env.step(f"click {ref(env, 'Save')}")).reward == 0.75
        assert sandbox.num_restarts == 1
        await env.close()


async def test_killed_browser_voids_a_step_under_way(lab_site: None) -> None:
    async with Sandbox.open() as sandbox:
        envs = [Env(LabTask(), sandbox) for _ in range(3)]
        for env in envs:
            await env.reset(3)
        steps = [asyncio.create_task(env.step("wait 60")) for env in envs]
        await asyncio.sleep(0)
        os.killpg(sandbox.process_id, signal.SIGKILL)
        results = await asyncio.gather(*steps)
        assert [result.reward for result in results] == [None] * 3
        await asyncio.gather(*(env.reset(3) for env in envs))
        assert sandbox.num_restarts == 1
        for env in envs:
            await env.close()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Boom", "site: lab.localhost: ValueError: the shelf fell down"),
        ("Never", "browser: the page did not settle within 0 s"),
    ],
)
async def test_site_that_fails_voids_the_step(
    open_env: OpenEnv, monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    env = await open_env()
    if name == "Never":
        monkeypatch.setattr("cairn.sandbox.page.STEP_TIMEOUT_S", 0.4)
    result = await env.step(f"click {ref(env, name)}")
    assert (result.reward, result.void) == (None, reason)
    monkeypatch.undo()


async def test_detector_that_raises_voids_the_step(open_env: OpenEnv) -> None:
    env = await open_env(BrokenRewardTask())
    result = await env.step("wait 1")
    assert result.reward is None
    assert result.void == "reward: lab-v1: a detector raised ZeroDivisionError: a bug of the task"
    assert env.payments == []


async def test_home_that_vanishes_voids_the_step(open_env: OpenEnv) -> None:
    env = await open_env()
    assert env._desk is not None
    env._desk.workspace.close()
    result = await env.step("wait 1")
    assert result.reward is None
    assert result.void is not None
    assert result.void.startswith("workspace: cannot read the workspace")


async def test_reset_that_fails_begins_no_episode(sandbox: Sandbox, lab_site: None) -> None:
    env = Env(BrokenSiteTask(), sandbox)
    with pytest.raises(SandboxError, match="the shelf fell down"):
        await env.reset(1)
    with pytest.raises(CairnError, match="call reset first"):
        await env.step("wait 1")
    await env.close()


# Forks


async def test_a_fork_is_in_the_same_state_and_both_go_on_alone(open_env: OpenEnv) -> None:
    env = await open_env()
    await env.step(f"click {ref(env, 'Ask')}")
    await env.step("fly")
    other = await env.fork()
    assert other._observation == env._observation
    assert (other.events, other.payments, other.seed) == (env.events, env.payments, 3)
    for mine in (env, other):
        assert (await mine.step("dialog dismiss")).reward == 0.0
    assert (await other.step(f"click {ref(other, 'Save')}")).is_success
    assert not (await env.step("wait 1")).is_success
    assert len(env.events) < len(other.events)
    await other.close()


async def test_a_fork_right_after_the_reset_and_a_fork_of_a_fork(open_env: OpenEnv) -> None:
    env = await open_env()
    first = await env.fork()
    await first.step("wait 1")
    second = await first.fork()
    assert second._observation == first._observation
    for other in (first, second):
        await other.close()


async def test_no_fork_without_an_episode(open_env: OpenEnv, sandbox: Sandbox) -> None:
    with pytest.raises(CairnError, match="call reset first"):
        await Env(LabTask(), sandbox).fork()
    env = await open_env()
    await env.step("give_up")
    with pytest.raises(CairnError, match="call reset first"):
        await env.fork()


async def test_a_fork_that_comes_out_differently_is_refused(
    open_env: OpenEnv, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = await open_env()
    await env.step(f"click {ref(env, 'Ask')}")
    await env.step("dialog dismiss")
    num_desks = len(sandbox._desks)
    step = Env._step

    async def other_ending(env: Env, text: str) -> StepResult:
        return await step(env, text.replace("dismiss", "accept"))

    with monkeypatch.context() as patch:
        patch.setattr(Env, "_step", other_ending)
        said = r"replay: lab-v1, seed 3: step 2 \(dialog dismiss\) came out differently"
        with pytest.raises(SandboxError, match=said):
            await env.fork()
    assert len(sandbox._desks) == num_desks
    assert (await env.step("wait 1")).reward == 0.0


async def test_a_fork_whose_sandbox_fails_says_so(
    open_env: OpenEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = await open_env()
    await env.step("wait 1")

    async def broken(env: Env, text: str) -> StepResult:
        raise SandboxError(Boundary.SITE, "gone")

    with monkeypatch.context() as patch:
        patch.setattr(Env, "_step", broken)
        with pytest.raises(SandboxError, match="site: gone"):
            await env.fork()


@pytest.mark.parametrize("task_id", sorted(TASKS))
async def test_every_task_forks_at_every_step_of_its_oracle(sandbox: Sandbox, task_id: str) -> None:
    env = Env(TASKS[task_id], sandbox)
    observation = await env.reset(5)
    oracle = AGENTS["oracle"](env)
    while True:
        action = (await oracle.act(observation)).action
        other = await env.fork()
        mine, its = await env.step(action), await other.step(action)
        assert mine == its
        await other.close()
        if mine.is_over:
            break
        observation = mine.observation
    assert mine.is_success
    await env.close()


# Determinism


async def play(sandbox: Sandbox, task_id: str, seed: int, agent: str) -> list[Any]:
    """Return everything that an episode showed, as plain data."""
    env = Env(TASKS[task_id], sandbox)
    observation = await env.reset(seed)
    acting = AGENTS[agent](env)
    shown: list[Any] = [asdict(observation)]
    while True:
        result = await env.step((await acting.act(observation)).action)
        observation = result.observation
        shown.append(asdict(result))
        assert result.void is None, result.void
        if result.is_over:
            break
    shown.append([asdict(event) for event in env.events])
    await env.close()
    return shown


@pytest.mark.parametrize("task_id", sorted(TASKS))
async def test_equal_actions_give_equal_episodes_alone_and_under_load(
    sandbox: Sandbox, task_id: str
) -> None:
    alone = {agent: await play(sandbox, task_id, 11, agent) for agent in ("oracle", "random")}
    assert alone["oracle"][-2]["is_success"] is True
    assert alone["random"] == await play(sandbox, task_id, 11, "random")
    agents = ["oracle", "random"] * 4
    loaded = await asyncio.gather(*(play(sandbox, task_id, 11, agent) for agent in agents))
    assert [episode == alone[agent] for agent, episode in zip(agents, loaded, strict=True)] == (
        [True] * 8
    )


@pytest.mark.jail
async def test_an_episode_with_a_shell_can_be_forked(open_env: OpenEnv, jail: Jail) -> None:
    env = await open_env(ShellTask())
    await env.step("run mkdir -p Sales && date -r facts.txt > Sales/date; echo $$")
    listed = await env.step("run ls -lA . Sales; ls /tmp")
    assert "Nov 14  2023 date" in listed.observation.result
    assert "Sales/date" in env._observation.files  # type: ignore[union-attr]
    other = await env.fork()
    assert other._observation == env._observation
    await other.close()


async def test_a_shell_where_there_is_no_jail_is_refused_at_the_reset(
    lab_site: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Sandbox.open() as sandbox:
        env = Env(ShellTask(), sandbox)
        monkeypatch.setattr(shutil, "which", lambda name: None)
        with pytest.raises(SetupError, match="shell: bubblewrap is missing"):
            await env.reset(0)


async def test_a_task_without_a_browser_has_files_alone(open_env: OpenEnv) -> None:
    env = await open_env(FilesTask())
    assert env._observation is not None
    assert (env._observation.url, env._observation.page) == ("", "")
    made = await env.step("write_file new.txt x")
    assert made.observation.files == ("Documents/", "Downloads/", "facts.txt", "new.txt")
    assert [event.kind for event in env.events if event.step == 1] == [
        EventKind.FILE_CREATED,
        EventKind.DIRECTORY_UPDATED,
    ]
    for line in ("click e1", "goto http://lab.localhost/", "wait 1", "dialog accept", "read e1"):
        other = await env.fork()
        refused = await other.step(line)
        assert refused.observation.result == "this task has no browser; use the file actions"
        await other.close()
    assert (await env.step("give_up")).is_terminal


async def test_a_task_without_a_browser_goes_on_when_chromium_dies(lab_site: None) -> None:
    async with Sandbox.open() as sandbox:
        env = Env(FilesTask(), sandbox)
        await env.reset(0)
        os.killpg(sandbox.process_id, signal.SIGKILL)
        assert (await env.step("read_file facts.txt")).void is None
        await env.close()


async def test_what_the_task_calls_a_failure_ends_the_episode(open_env: OpenEnv) -> None:
    env = await open_env(FragileTask())
    assert not (await env.step("wait 1")).is_over
    result = await env.step(f"click {ref(env, 'Ask')}")
    assert (result.is_terminal, result.is_truncated, result.is_success) == (True, False, False)
    assert result.reward == 0.125


async def test_failure_that_cannot_be_decided_is_void(open_env: OpenEnv) -> None:
    env = await open_env(BrokenFailureTask())
    result = await env.step("wait 1")
    assert (result.reward, result.is_truncated) == (None, True)
    assert result.void is not None
    assert "a detector raised ZeroDivisionError" in result.void
