"""The vector face: many environments stepped together."""

import asyncio
import math
import os
import signal
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from cairn.envs.background import shared_loop
from cairn.envs.core import Env, StepResult
from cairn.envs.gym_env import CairnEnv
from cairn.envs.registry import SUITES
from cairn.envs.vector_env import CairnVectorEnv, make_vec
from cairn.sandbox.errors import Boundary, CairnError, ConfigError, SandboxError, UnknownNameError

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("background_browser")]

TASK = "settings-toggle-v1"


@pytest.fixture
def open_envs() -> Iterator[Any]:
    opened: list[CairnVectorEnv] = []

    def open_some(task: str = TASK, num_envs: int = 2, **options: Any) -> CairnVectorEnv:
        opened.append(make_vec(task, num_envs, **options))
        return opened[-1]

    yield open_some
    for envs in opened:
        envs.close()


def test_environments_are_those_of_gymnasium_make_with_seeds_that_follow(open_envs: Any) -> None:
    envs = open_envs(num_envs=3)
    observations, infos = envs.reset(seed=5)
    assert infos["seed"].tolist() == [5, 6, 7]
    assert infos["task"].tolist() == [TASK] * 3
    assert observations in envs.observation_space
    single = CairnEnv(TASK)
    for i in range(3):
        alone, info = single.reset(seed=5 + i)
        assert alone == {key: texts[i] for key, texts in observations.items()}
        assert info["state_hash"] == infos["state_hash"][i]
    single.close()


def test_each_environment_gets_its_own_action(open_envs: Any) -> None:
    envs = open_envs()
    envs.reset(seed=[3, 3])
    observations, rewards, terminations, truncations, infos = envs.step(["give_up", "fly"])
    assert rewards.dtype == np.float64
    assert rewards.tolist() == [0.0, 0.0]
    assert terminations.tolist() == [True, False]
    assert truncations.tolist() == [False, False]
    assert observations["result"][1].startswith("error: no action named 'fly'")
    assert infos["is_success"].tolist() == [False, False]
    assert infos["payments"].tolist() == [[], []]


def test_an_ended_environment_begins_again_at_the_next_step(open_envs: Any) -> None:
    envs = open_envs()
    envs.reset(seed=3)
    envs.step(["give_up", "wait 1"])
    observations, rewards, terminations, _, infos = envs.step(["give_up", "wait 1"])
    assert rewards.tolist() == [0.0, 0.0]
    assert terminations.tolist() == [False, False]
    assert infos["_seed"].tolist() == [True, False]
    assert infos["_payments"].tolist() == [False, True]
    assert observations["result"][0] == ""
    assert observations in envs.observation_space
    drawn = infos["seed"][0]
    single = CairnEnv(TASK)
    single.reset(seed=3)
    assert single.reset()[1]["seed"] == drawn
    single.close()


def test_an_ended_environment_can_begin_again_in_the_same_step(open_envs: Any) -> None:
    envs = open_envs(autoreset_mode=AutoresetMode.SAME_STEP)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    first, _ = envs.reset(seed=3)
    observations, _, terminations, _, infos = envs.step(["give_up", "wait 1"])
    assert terminations.tolist() == [True, False]
    assert infos["_final_obs"].tolist() == [True, False]
    assert infos["final_obs"][0]["goal"] == first["goal"][0]
    assert infos["final_info"]["is_success"][0] == np.False_
    assert observations["goal"][0] != first["goal"][0]
    assert infos["_seed"].tolist() == [True, False]
    assert envs.step(["wait 1", "wait 1"])[2].tolist() == [False, False]


def test_without_autoreset_an_ended_environment_waits_for_a_reset_of_its_own(
    open_envs: Any,
) -> None:
    envs = open_envs(autoreset_mode=AutoresetMode.DISABLED)
    mask = {"reset_mask": np.array([True, False])}
    with pytest.raises(CairnError, match="reset them all first"):
        envs.reset(options=mask)
    first, _ = envs.reset(seed=3)
    other, *_ = envs.step(["give_up", "wait 1"])
    with pytest.raises(CairnError, match="environment 0 has no episode under way"):
        envs.step(["wait 1", "wait 1"])
    again, infos = envs.reset(seed=[3, None], options=mask)
    assert again["page"] == (first["page"][0], other["page"][1])
    assert infos["_seed"].tolist() == [True, False]
    assert envs.step(["wait 1", "wait 1"])[2].tolist() == [False, False]


def test_a_suite_is_played_in_turn_and_a_seed_begins_it_anew(open_envs: Any) -> None:
    envs = open_envs("demo", num_envs=2)
    tasks = SUITES["demo"]
    for _ in range(2):
        assert envs.reset(seed=1)[1]["task"].tolist() == [tasks[0], tasks[1]]
        assert envs.reset()[1]["task"].tolist() == [tasks[1], tasks[2]]


def test_void_is_nan_in_one_environment_and_the_others_go_on(
    open_envs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    envs = open_envs()
    envs.reset(seed=3)
    step = Env._step

    async def broken(env: Env, text: str) -> StepResult:
        if env.seed == 3:
            raise SandboxError(Boundary.SITE, "gone")
        return await step(env, text)

    monkeypatch.setattr(Env, "_step", broken)
    _, rewards, terminations, truncations, infos = envs.step(["wait 1", "wait 1"])
    assert math.isnan(rewards[0])
    assert rewards[1] == 0.0
    assert terminations.tolist() == [False, False]
    assert truncations.tolist() == [True, False]
    assert infos["void"].tolist() == ["site: gone", None]
    assert infos["_is_success"].tolist() == [False, True]
    assert envs.step(["wait 1", "wait 1"])[1].tolist() == [0.0, 0.0]


def test_a_killed_browser_voids_all_and_they_begin_again(open_envs: Any) -> None:
    envs = open_envs()
    first, _ = envs.reset(seed=3)
    os.killpg(shared_loop().sandbox.process_id, signal.SIGKILL)
    observations, rewards, _, truncations, _ = envs.step(["wait 1", "wait 1"])
    assert observations == first
    assert np.isnan(rewards).all()
    assert truncations.all()
    _, rewards, _, truncations, infos = envs.step(["wait 1", "wait 1"])
    assert rewards.tolist() == [0.0, 0.0]
    assert not truncations.any()
    assert infos["_seed"].all()


def test_a_reset_is_tried_three_times(open_envs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    envs = open_envs()
    reset, failures = Env.reset, iter([True, True, False, False])

    async def sometimes(env: Env, seed: int) -> Any:
        if seed == 3 and next(failures):
            raise SandboxError(Boundary.BROWSER, "gone")
        return await reset(env, seed)

    monkeypatch.setattr(Env, "reset", sometimes)
    assert envs.reset(seed=3)[1]["seed"].tolist() == [3, 4]
    failures = iter([True] * 9)
    with pytest.raises(SandboxError, match="browser: gone"):
        envs.reset(seed=3)
    with pytest.raises(CairnError, match="environment 0 has no episode"):
        envs.step(["wait 1", "wait 1"])


def test_32_environments_are_stepped_at_the_same_time(
    open_envs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    envs = open_envs(num_envs=32)
    envs.reset(seed=0)
    step, barrier = Env.step, asyncio.Barrier(32)

    async def together(env: Env, action: str) -> StepResult:
        async with asyncio.timeout(30), barrier:
            return await step(env, action)

    monkeypatch.setattr(Env, "step", together)
    _, rewards, terminations, truncations, _ = envs.step(["press Tab"] * 32)
    assert rewards.tolist() == [0.0] * 32
    assert not terminations.any()
    assert not truncations.any()


def test_gymnasium_makes_it_too(open_envs: Any) -> None:
    envs = gymnasium.make_vec(f"cairn/{TASK}", num_envs=2)
    assert isinstance(envs.unwrapped, CairnVectorEnv)
    assert envs.reset(seed=3)[1]["seed"].tolist() == [3, 4]
    envs.close()
    envs.close()


def test_render_shows_the_last_observations(open_envs: Any) -> None:
    assert open_envs().render() is None
    envs = open_envs(render_mode="ansi")
    assert envs.render() == ("", "")
    envs.reset(seed=3)
    assert [text.partition(":")[0] for text in envs.render()] == ["goal", "goal"]


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (lambda envs: envs.step(["wait 1"]), "step takes 2 actions"),
        (lambda envs: envs.step("wait 1"), "step takes 2 actions"),
        (lambda envs: envs.step(["wait 1"] * 2), "environment 0 has no episode under way"),
        (lambda envs: envs.reset(seed=[1]), "1 seeds for 2 environments"),
        (lambda envs: envs.reset(options={"reset_mask": [1, 0]}), "must be 2 booleans"),
        (lambda envs: envs.reset(options={"reset_mask": [True]}), "must be 2 booleans"),
    ],
)
def test_what_does_not_fit_is_an_error(open_envs: Any, use: Any, said: str) -> None:
    with pytest.raises(CairnError, match=said):
        use(open_envs())


def test_unknown_names_and_no_environments_are_errors() -> None:
    with pytest.raises(UnknownNameError, match="no task or suite named 'dem'; did you mean 'demo'"):
        make_vec("dem", 2)
    with pytest.raises(ConfigError, match="num_envs 0, 1 tasks: there must be at least 1 of each"):
        make_vec(TASK, 0)
