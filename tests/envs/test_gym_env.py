"""The Gymnasium face."""

import asyncio
import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env

import cairn
from cairn.envs.background import shared_loop, shut_down
from cairn.envs.core import Env
from cairn.envs.gym_env import CairnEnv
from cairn.envs.registry import known_tasks
from cairn.envs.tasks import TASKS
from cairn.sandbox.errors import CairnError, ConfigError, SetupError, UnknownNameError
from tests.processes import processes_of

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("background_browser")]


@pytest.fixture
def env() -> Iterator[CairnEnv]:
    env = CairnEnv("settings-toggle-v1", render_mode="ansi")
    yield env
    env.close()


def run_python(code: str) -> str:
    """Run a script in a process of its own; return what it printed, errors too."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("task_id", sorted(TASKS))
def test_check_env_passes_twice_with_one_seed(task_id: str) -> None:
    env = gymnasium.make(f"cairn/{task_id}", disable_env_checker=True).unwrapped
    for _ in range(2):
        check_env(env, skip_render_check=True)
    first, second = env.reset(seed=7), env.reset(seed=7)
    assert first == second
    assert env.step("press Tab") is not None
    env.close()


def test_observation_has_every_text_that_the_agent_needs(env: CairnEnv) -> None:
    observation, info = env.reset(seed=3)
    assert set(observation) == {"goal", "url", "title", "page", "dialog", "files", "result"}
    assert observation in env.observation_space
    assert (observation["dialog"], observation["result"]) == ("", "")
    assert observation["files"].split("\n") == ["Documents/", "Downloads/"]
    assert (info["task"], info["seed"]) == ("settings-toggle-v1", 3)
    assert len(info["state_hash"]) == 16
    assert env.render() is not None


def test_step_returns_reward_and_reasons(env: CairnEnv) -> None:
    env.reset(seed=3)
    observation, reward, is_terminal, is_truncated, info = env.step("fly")
    assert observation["result"].startswith("error: no action named 'fly'")
    assert (reward, is_terminal, is_truncated) == (0.0, False, False)
    assert isinstance(reward, float)
    assert (info["is_success"], info["payments"], info["void"]) == (False, [], None)
    *_, is_terminal, _, _ = env.step("give_up")
    assert is_terminal
    with pytest.raises(CairnError, match="call reset first"):
        env.step("wait 1")


def test_instances_without_a_seed_follow_from_the_last_seed(env: CairnEnv) -> None:
    env.reset(seed=1)
    drawn = [env.reset()[1]["seed"] for _ in range(3)]
    env.reset(seed=1)
    assert [env.reset()[1]["seed"] for _ in range(3)] == drawn
    assert len(set(drawn)) == 3
    assert all(0 <= seed < 2**20 for seed in drawn)


def test_step_before_reset_and_unknown_task_are_errors(env: CairnEnv) -> None:
    with pytest.raises(CairnError, match="call reset first"):
        env.step("wait 1")
    assert env.render() is None
    with pytest.raises(UnknownNameError, match="did you mean 'settings-toggle-v1'"):
        CairnEnv("settings-togle-v1")


def test_void_step_is_nan_and_the_next_episode_works(env: CairnEnv) -> None:
    first, _ = env.reset(seed=3)
    os.killpg(shared_loop().sandbox.process_id, signal.SIGKILL)
    observation, reward, is_terminal, is_truncated, info = env.step("wait 1")
    assert math.isnan(reward)
    assert (is_terminal, is_truncated) == (False, True)
    assert "browser has gone" in info["void"]
    assert info["is_success"] is None
    assert observation == first
    assert env.reset(seed=3)[0] == first
    assert env.step("wait 1")[1] == 0.0


@pytest.mark.asyncio
async def test_works_inside_a_running_event_loop(env: CairnEnv) -> None:
    assert asyncio.get_running_loop().is_running()
    env.reset(seed=3)
    assert env.step("wait 1")[1] == 0.0


def test_pages_are_kept_within_their_budget() -> None:
    env = CairnEnv("settings-toggle-v1", max_page_tokens=60)
    observation, _ = env.reset(seed=0)
    env.close()
    assert "(left out for length: " in observation["page"]


def test_pages_can_be_told_by_their_changes() -> None:
    env = CairnEnv("settings-toggle-v1", observe="diff")
    try:
        env.reset(seed=0)
        env.step("click e2")
        changed, *_ = env.step("click e3")
        assert "+ switch" in changed["page"]
        assert "[checked]" in changed["page"]
        other = env.fork()
        again, *_ = other.step("wait 1")
        other.close()
        assert "= " in again["page"]
        assert "+" not in again["page"]
    finally:
        env.close()


@pytest.mark.parametrize("options", [{"observe": "smell"}, {"max_page_tokens": 0}])
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(options))}=.*: must be "):
        CairnEnv("settings-toggle-v1", **options)


def test_a_fork_goes_on_alone(env: CairnEnv) -> None:
    with pytest.raises(CairnError, match="call reset first"):
        env.fork()
    env.reset(seed=3)
    env.step("press Tab")
    other = env.fork()
    assert other.render() == env.render()
    assert other.step("press Tab") == env.step("press Tab")
    assert other.step("give_up")[2] is True
    assert env.step("wait 1")[2] is False
    assert other.reset()[1] == env.reset()[1]
    other.close()


def test_environments_share_one_browser_and_can_be_used_from_threads() -> None:
    envs = [CairnEnv("settings-toggle-v1") for _ in range(3)]
    rewards: list[float] = []

    def run(env: CairnEnv) -> None:
        env.reset(seed=3)
        rewards.append(env.step("wait 1")[1])

    threads = [threading.Thread(target=run, args=(env,)) for env in envs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rewards == [0.0, 0.0, 0.0]
    for env in envs:
        env.close()


def test_browser_that_cannot_start_leaves_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    shut_down()
    before = threading.active_count()
    with monkeypatch.context() as patch:
        patch.setenv("CAIRN_CHROMIUM", "/nowhere/chromium")
        with pytest.raises(SetupError, match="CAIRN_CHROMIUM='/nowhere/chromium'"):
            CairnEnv("settings-toggle-v1").reset(seed=1)
    assert threading.active_count() == before
    env = CairnEnv("settings-toggle-v1")
    env.reset(seed=1)
    env.close()


def test_every_task_is_registered_with_its_own_step_limit() -> None:
    assert {name for name in gymnasium.registry if name.startswith("cairn/")} == {
        f"cairn/{task_id}" for task_id in known_tasks()
    }
    assert all(gymnasium.spec(f"cairn/{name}").max_episode_steps is None for name in known_tasks())
    assert cairn.Env is Env


def test_make_imports_the_package_by_its_name() -> None:
    output = run_python("""
        import gymnasium
        env = gymnasium.make("cairn:cairn/search-open-v1")
        observation, info = env.reset(seed=3)
        print(info["task"], env.step("wait 1")[1])
        env.close()
    """)
    assert output == "search-open-v1 0.0\n"


def test_forked_process_is_refused() -> None:
    output = run_python("""
        import os
        import cairn
        env = cairn.CairnEnv("search-open-v1")
        env.reset(seed=3)
        child = os.fork()
        if child == 0:
            other = cairn.CairnEnv("search-open-v1")
            for use in (lambda: env.step("wait 1"), other.reset):
                try:
                    use()
                except cairn.CairnError as error:
                    print(error, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        print(env.step("wait 1")[1])
    """)
    *refusals, last = output.splitlines()
    assert [line.partition(":")[0] for line in refusals] == [
        "a live browser does not survive fork()"
    ] * 2
    assert last == "0.0"


def test_interpreter_ends_without_leaving_a_browser() -> None:
    output = run_python("""
        import cairn
        from cairn.envs.background import shared_loop
        env = cairn.CairnEnv("search-open-v1")
        env.reset(seed=3)
        sandbox = shared_loop().sandbox
        print(sandbox.process_id, sandbox._browser.folder)
    """)
    process_id, folder = output.split()
    assert processes_of(int(process_id)) == []
    assert not Path(folder).exists()
