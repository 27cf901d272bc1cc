"""Collecting with a model in the real browser."""

import pytest

from cairn.agents.engine import SamplingParams
from cairn.agents.engines.hf import HFEngine
from cairn.agents.llm import Prompt, Style
from cairn.agents.trajectory import Trajectory
from cairn.sandbox.sandbox import Sandbox
from cairn.trainers.collect import Collect, EpisodeRequest, browser_collector
from tests.fakes import BrokenSiteTask, LabTask
from tests.trainers.tiny import tiny_model, tiny_tokenizer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio]

TOKENIZER = tiny_tokenizer()
TASKS = {"lab-v1": LabTask(), "broken-v1": BrokenSiteTask()}
REQUESTS = [
    EpisodeRequest(task="lab-v1", seed=seed, sampling_seed=10 * seed + number)
    for seed in (3, 1, 2)
    for number in range(2)
]


def collector(sandbox: Sandbox, concurrency: int) -> Collect:
    return browser_collector(
        sandbox,
        HFEngine(tiny_model(TOKENIZER), stop_ids=[TOKENIZER.eos_token_id]),
        TOKENIZER,
        tasks=TASKS,
        prompt=Prompt(style=Style.PLAIN, num_actions=2, max_tokens=200),
        params=SamplingParams(max_new_tokens=4),
        concurrency=concurrency,
    )


def sampled(trajectory: Trajectory) -> list[tuple[tuple[int, ...], tuple[float, ...]]]:
    generations = [turn.decision.generation for turn in trajectory.turns]
    return [(made.ids, made.logprobs) for made in generations if made is not None]


@pytest.mark.parametrize("concurrency", [1, 2, 5, 32])
async def test_every_request_is_played_and_answered_in_its_place(
    sandbox: Sandbox, lab_site: None, concurrency: int
) -> None:
    done = await collector(sandbox, concurrency)(REQUESTS)
    assert [trajectory.seed for trajectory in done] == [3, 3, 1, 1, 2, 2]
    assert all(trajectory.void is None and sampled(trajectory) for trajectory in done)
    assert not sandbox._desks


async def test_the_same_requests_give_the_same_tokens_and_logprobs_to_the_last_bit(
    sandbox: Sandbox, lab_site: None
) -> None:
    one, two = [await collector(sandbox, 4)(REQUESTS) for _ in range(2)]
    assert list(map(sampled, one)) == list(map(sampled, two))
    assert sampled(one[0]) != sampled(one[1])


async def test_an_episode_that_cannot_begin_keeps_nobody_waiting(
    sandbox: Sandbox, lab_site: None
) -> None:
    broken = EpisodeRequest(task="broken-v1", seed=1, sampling_seed=1)
    done = await collector(sandbox, 4)([broken, *REQUESTS, broken])
    assert [trajectory.void is None for trajectory in done] == [False, *[True] * 6, False]


async def test_nothing_asked_is_nothing_played(sandbox: Sandbox) -> None:
    assert await collector(sandbox, 4)([]) == []
