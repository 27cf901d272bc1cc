"""MiniWoB++ in our environment; skipped where its pages are not."""

import subprocess
import sys
from pathlib import Path

import pytest

from cairn.agents.rollout import rollout
from cairn.agents.scripted import OracleAgent
from cairn.envs.core import Env, StepResult
from cairn.envs.guests.miniwob import EXCLUDED, SUITES, TASKS
from cairn.envs.guests.miniwob_oracles import ORACLES
from cairn.envs.registry import find_task, find_tasks
from cairn.envs.sites.miniwob import find_pages
from cairn.envs.tasks.oracles import ref_of
from cairn.rewards.ledger import Tier
from cairn.sandbox.errors import SetupError, TaskError
from cairn.sandbox.events import EventKind
from cairn.sandbox.sandbox import Sandbox

needs_pages = pytest.mark.skipif(not TASKS, reason="the pages of MiniWoB++ are not installed")

QUICK = ("click-test-2", "enter-text", "choose-date", "use-slider-2", "search-engine")
NUM_SEEDS = 20


def miniwob(page: str) -> str:
    return f"miniwob-{page}-v1"


async def succeeds(sandbox: Sandbox, page: str, seed: int) -> bool:
    env = Env(find_task(miniwob(page)), sandbox)
    try:
        trajectory = await rollout(env, seed, OracleAgent)
    finally:
        await env.close()
    assert trajectory.void is None
    return trajectory.is_success is True and trajectory.episode_return == 1.0


# Without a browser


def test_missing_package_is_one_line_that_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CAIRN_MINIWOB", str(tmp_path))
    with pytest.raises(SetupError, match=r"pip install --no-deps miniwob==1\.0"):
        find_pages()


@pytest.mark.parametrize(
    "command", [["tasks", "--suite", "miniwob"], ["run", miniwob("enter-text")]]
)
def test_unknown_suite_and_its_tasks_are_told_how_to_be_had(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAIRN_MINIWOB", "/nowhere")
    done = subprocess.run(
        [sys.executable, "-m", "cairn.cli", *command], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: the suite 'miniwob' needs the pages of MiniWoB++, and CAIRN_MINIWOB='/nowhere' has "
        "no html/core/core.js; run: pip install --no-deps miniwob==1.0\n"
    )


@needs_pages
def test_suites_are_the_pages_of_the_package_and_those_with_a_script() -> None:
    shipped = {path.stem for path in (find_pages() / "miniwob").glob("*.html")}
    assert {miniwob(page) for page in shipped - set(EXCLUDED)} == set(SUITES["miniwob"])
    assert {miniwob(page) for page in ORACLES} == set(SUITES["miniwob-scripted"])
    assert len(SUITES["miniwob"]) > 100
    assert len(ORACLES) >= 30
    assert find_tasks([], suite="miniwob") == list(TASKS.values())


# In the browser


@needs_pages
@pytest.mark.browser
@pytest.mark.parametrize("page", QUICK)
@pytest.mark.asyncio
async def test_script_is_paid_by_the_pages_own_reward(sandbox: Sandbox, page: str) -> None:
    assert [await succeeds(sandbox, page, seed) for seed in (0, 1)] == [True, True]


async def first_click(sandbox: Sandbox, name: str) -> StepResult:
    env = Env(find_task(miniwob("click-test-2")), sandbox)
    observation = await env.reset(0)
    result = await env.step(f"click {ref_of(observation, 'button', name)}")
    rows = [e.data["after"] for e in env.events if e.kind is EventKind.SITE_STATE_CHANGED]
    await env.close()
    (row,) = rows
    assert isinstance(row, dict)
    assert (row["reward"], row["is_success"]) == ((1, 1) if name == "ONE" else (-1, 0))
    return result


@needs_pages
@pytest.mark.browser
@pytest.mark.asyncio
async def test_right_answer_ends_the_episode_and_pays_once(sandbox: Sandbox) -> None:
    result = await first_click(sandbox, "ONE")
    assert [(paid.milestone, paid.tier, paid.value) for paid in result.payments] == [
        ("rewarded", Tier.RULE, 1.0)
    ]
    assert (result.is_success, result.is_terminal) == (True, True)


@needs_pages
@pytest.mark.browser
@pytest.mark.asyncio
async def test_wrong_answer_ends_the_episode_and_pays_nothing(sandbox: Sandbox) -> None:
    result = await first_click(sandbox, "TWO")
    assert (result.reward, result.payments) == (0.0, ())
    assert (result.is_success, result.is_terminal) == (False, True)


@needs_pages
@pytest.mark.browser
@pytest.mark.asyncio
async def test_seed_decides_the_instance_and_time_does_not_end_it(sandbox: Sandbox) -> None:
    env = Env(find_task(miniwob("enter-text")), sandbox)
    pages = [(await env.reset(seed)).page for seed in (0, 0, 1)]
    assert pages[0] == pages[1] != pages[2]
    result = await env.step("wait 60")
    assert (result.observation.page, result.is_over) == (pages[2], False)
    await env.close()


@needs_pages
@pytest.mark.browser
@pytest.mark.asyncio
async def test_other_pages_and_the_end_itself_are_out_of_reach(sandbox: Sandbox) -> None:
    env = Env(find_task(miniwob("enter-text")), sandbox)
    await env.reset(0)
    for path in ("miniwob/click-test.html", "end", "core/../miniwob/click-test.html"):
        result = await env.step(f"goto http://miniwob.localhost/{path}")
        assert result.reward == 0.0
        assert "Click Me!" not in result.observation.page
    await env.close()


@needs_pages
@pytest.mark.browser
@pytest.mark.asyncio
async def test_page_without_a_script_says_so(sandbox: Sandbox) -> None:
    with pytest.raises(TaskError, match="'miniwob-tic-tac-toe-v1' has no scripted solution"):
        await succeeds(sandbox, "tic-tac-toe", 0)


@needs_pages
@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("page", sorted(ORACLES))
@pytest.mark.asyncio
async def test_script_succeeds_on_nineteen_of_twenty_seeds(sandbox: Sandbox, page: str) -> None:
    won = [await succeeds(sandbox, page, seed) for seed in range(NUM_SEEDS)]
    assert sum(won) >= 0.95 * NUM_SEEDS


IDLE = ("wait 1", "scroll down", "press Tab", "wait 2")


@needs_pages
@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("task_id", TASKS)
@pytest.mark.asyncio
async def test_page_can_be_stepped_and_is_the_same_twice(sandbox: Sandbox, task_id: str) -> None:
    env = Env(find_task(task_id), sandbox)
    for seed in (0, 1):
        runs = []
        for _ in range(2):
            hashes = [(await env.reset(seed)).replay_hash]
            for action in IDLE:
                result = await env.step(action)
                assert result.void is None
                hashes.append(result.observation.replay_hash)
                if result.is_over:
                    break
            runs.append(hashes)
        assert runs[0] == runs[1]
    await env.close()
