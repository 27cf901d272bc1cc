import asyncio
from collections.abc import Sequence

import pytest
import torch

from cairn.agents.engine import FinishReason, Generation, SamplingParams
from cairn.agents.engines.hf import HFEngine
from cairn.trainers.learner import Learner, LearnerConfig
from cairn.trainers.samples import demonstration_sample
from tests.trainers.tiny import tiny_model, tiny_tokenizer

TOKENIZER = tiny_tokenizer()
PROMPTS = [(5, 6, 7), (5, 6, 7), (9,), (4, 8, 15, 16, 23, 42)]


def engine(**options: int) -> HFEngine:
    return HFEngine(tiny_model(TOKENIZER), stop_ids=[TOKENIZER.eos_token_id], **options)


def params(seed: int, *, temperature: float = 1.0, tokens: int = 6) -> SamplingParams:
    return SamplingParams(temperature=temperature, max_new_tokens=tokens, seed=seed)


async def generate_all(
    engine: HFEngine, prompts: Sequence[tuple[int, ...]] = PROMPTS
) -> list[Generation]:
    requests = (engine.generate(ids, params(i)) for i, ids in enumerate(prompts))
    return await asyncio.gather(*requests)


@pytest.mark.asyncio
async def test_sampled_logprobs_are_those_of_the_learner() -> None:
    served = engine()
    learner = Learner(served.model, LearnerConfig())
    for prompt, made in zip(PROMPTS, await generate_all(served), strict=True):
        [learned] = learner.logprobs([demonstration_sample(prompt, made.ids, episode=0)])
        assert made.logprobs == pytest.approx(learned, abs=1e-5)


@pytest.mark.asyncio
async def test_logprobs_of_given_ids_are_those_of_the_sampling() -> None:
    served = engine()
    made = await served.generate((5, 6, 7), params(1))
    given = await served.logprobs((5, 6, 7, *made.ids))
    assert given[2:] == pytest.approx(made.logprobs, abs=1e-5)


@pytest.mark.asyncio
async def test_the_same_requests_give_the_same_tokens_whatever_arrives_first() -> None:
    served = engine()
    forward = await generate_all(served)
    backward = await asyncio.gather(
        *(served.generate(PROMPTS[i], params(i)) for i in reversed(range(len(PROMPTS))))
    )
    assert forward == backward[::-1]


@pytest.mark.asyncio
async def test_requests_with_equal_prompts_have_generators_of_their_own() -> None:
    many = await generate_all(engine(), [(5, 6, 7)] * 8)
    assert len({made.ids for made in many}) > 1


@pytest.mark.asyncio
async def test_temperature_zero_takes_the_most_likely_token() -> None:
    served = engine()
    made = await served.generate((5, 6, 7), params(0, temperature=0.0, tokens=1))
    with torch.no_grad():
        best = served.model(input_ids=torch.tensor([[5, 6, 7]])).logits[0, -1].argmax().item()
    assert made.ids == (best,)


@pytest.mark.asyncio
async def test_frequencies_follow_the_distribution() -> None:
    served = engine()
    requests = (served.generate((5, 6, 7), params(i, tokens=1)) for i in range(2000))
    counts = torch.zeros(len(TOKENIZER))
    for made in await asyncio.gather(*requests):
        counts[made.ids[0]] += 1
    with torch.no_grad():
        wanted = served.model(input_ids=torch.tensor([[5, 6, 7]])).logits[0, -1].softmax(0)
    assert (counts / 2000 - wanted).abs().max() < 0.02


@pytest.mark.asyncio
async def test_generation_ends_at_the_stop_token_or_the_limit() -> None:
    for made in await generate_all(engine(), [(i,) for i in range(3, 40)]):
        is_stop = made.ids[-1] == TOKENIZER.eos_token_id
        assert made.finish_reason is (FinishReason.STOP if is_stop else FinishReason.LENGTH)
        assert TOKENIZER.eos_token_id not in made.ids[:-1]
        assert len(made.ids) == len(made.logprobs) <= 6
        assert is_stop or len(made.ids) == 6


@pytest.mark.asyncio
async def test_a_batch_waits_for_all_announced_clients() -> None:
    cohort = engine().cohort()
    with cohort.client(), cohort.client():
        first = asyncio.create_task(cohort.generate((5, 6), params(0)))
        await asyncio.sleep(0.05)
        assert not first.done()
        second = await cohort.generate((7,), params(1))
        assert second.ids
        assert (await first).ids


@pytest.mark.asyncio
async def test_a_client_that_leaves_is_not_waited_for() -> None:
    cohort = engine().cohort()
    with cohort.client():
        with cohort.client():
            first = asyncio.create_task(cohort.generate((5, 6), params(0)))
            await asyncio.sleep(0)
        assert (await asyncio.wait_for(first, 5)).ids


@pytest.mark.asyncio
async def test_a_cohort_does_not_wait_for_another() -> None:
    served = engine()
    one, other = served.cohort(), served.cohort()
    with one.client(), other.client():
        assert (await asyncio.wait_for(one.generate((5, 6), params(0)), 5)).ids
        assert (await asyncio.wait_for(served.generate((5, 6), params(0)), 5)).ids


@pytest.mark.asyncio
async def test_published_weights_are_served_under_their_version() -> None:
    served, other = engine(), tiny_model(TOKENIZER, seed=1)
    before = await served.logprobs((5, 6, 7))
    served.publish(3, other.state_dict())
    made = await served.generate((5, 6, 7), params(0))
    assert made.version == 3
    assert await served.logprobs((5, 6, 7)) != before


@pytest.mark.asyncio
async def test_a_failure_of_the_model_reaches_every_caller() -> None:
    served = engine()
    results = await asyncio.gather(
        *(served.generate((10**9,), params(i)) for i in range(2)), return_exceptions=True
    )
    assert [type(result) for result in results] == [IndexError, IndexError]


@pytest.mark.asyncio
async def test_an_empty_prompt_is_refused() -> None:
    with pytest.raises(ValueError, match="prompt is empty"):
        await engine().generate((), params(0))
