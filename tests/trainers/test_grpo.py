import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from cairn.agents.engine import SamplingParams
from cairn.agents.engines.hf import HFEngine
from cairn.agents.llm import LLMAgent, Prompt
from cairn.agents.trajectory import Trajectory, Turn
from cairn.trainers.algorithm import ALGORITHMS, Algorithm
from cairn.trainers.collect import Collect, EpisodeRequest
from cairn.trainers.errors import TrainingError
from cairn.trainers.grpo import GrpoConfig, GrpoTrainer, Iteration
from cairn.trainers.learner import Learner, LearnerConfig
from cairn.trainers.metrics import read_metrics
from cairn.trainers.model import LoraSettings, with_lora
from tests.trainers.tiny import observation, same_weights, tiny_model, tiny_tokenizer, trajectory

TOKENIZER = tiny_tokenizer()
VOID = "browser: crashed"


def toy_collector(engine: HFEngine, *, void: Sequence[int] = ()) -> Collect:
    """Return what runs one-turn episodes that pay for beginning with a token of a fifth."""
    limit = len(TOKENIZER) // 5

    async def run(position: int, request: EpisodeRequest) -> Trajectory:
        if position in void:
            return trajectory(task=request.task, seed=request.seed, void=VOID)
        agent = LLMAgent(
            engine=engine,
            tokenizer=TOKENIZER,
            prompt=Prompt(),
            params=SamplingParams(max_new_tokens=3, seed=request.sampling_seed),
        )
        decision = await agent.act(observation())
        assert decision.generation is not None
        reward = float(decision.generation.ids[0] < limit)
        turn = Turn(observation=observation(), decision=decision, reward=reward, payments=())
        return trajectory(turn, task=request.task, seed=request.seed, success=reward == 1)

    async def collect(requests: Sequence[EpisodeRequest]) -> list[Trajectory]:
        return list(await asyncio.gather(*(run(i, r) for i, r in enumerate(requests))))

    return collect


def trainer(
    folder: Path,
    *,
    iterations: int,
    algorithm: Algorithm = ALGORITHMS["dapo"],
    void: Sequence[int] = (),
    lora: bool = False,
    **changes: object,
) -> GrpoTrainer:
    model = tiny_model(TOKENIZER)
    served = with_lora(model, LoraSettings(rank=4)) if lora else model
    engine = HFEngine(served, stop_ids=[TOKENIZER.eos_token_id])
    rate = LearnerConfig(learning_rate=0.1 if lora else 0.03)
    learner = Learner(served, rate, with_reference=algorithm.kl_weight > 0)
    sizes = {"num_groups": 4, "group_size": 16, "epochs": 1, "batch_size": 16}
    config = GrpoConfig.model_validate(sizes | {"max_iterations": iterations} | changes)
    return GrpoTrainer(
        learner=learner,
        engine=engine,
        collect=toy_collector(engine, void=void),
        tokenizer=TOKENIZER,
        algorithm=algorithm,
        config=config,
        tasks=["one", "two"],
        seed=0,
        folder=folder,
    )


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
@pytest.mark.asyncio
async def test_every_algorithm_learns_the_toy(name: str, tmp_path: Path) -> None:
    seen: list[Iteration] = []
    await trainer(tmp_path, iterations=12, algorithm=ALGORITHMS[name]).run(seen.append)
    assert seen[-1].values["success"] > seen[0].values["success"] + 0.3


@pytest.mark.asyncio
async def test_adapters_are_trained_and_served(tmp_path: Path) -> None:
    seen: list[Iteration] = []
    adapted = trainer(tmp_path, iterations=3, lora=True)
    await adapted.run(seen.append)
    assert all(iteration.values["logprob_gap"] < 1e-4 for iteration in seen)
    assert adapted._engine.version == 3
    base = tiny_model(TOKENIZER)
    ids = [5, 6, 7]
    plain = HFEngine(base, stop_ids=[])
    assert await adapted._engine.logprobs(ids) != pytest.approx(await plain.logprobs(ids))


@pytest.mark.asyncio
async def test_a_resumed_run_ends_with_the_same_weights_and_figures(tmp_path: Path) -> None:
    whole = trainer(tmp_path / "whole", iterations=4)
    await whole.run()
    await trainer(tmp_path / "parts", iterations=2).run()
    second = trainer(tmp_path / "parts", iterations=4)
    second.resume()
    assert second.step == 2
    await second.run()
    assert same_weights(whole._learner.model, second._learner.model)
    figures = [
        [{k: v for k, v in record.items() if not k.endswith("_s")} for record in records]
        for records in (read_metrics(tmp_path / "whole"), read_metrics(tmp_path / "parts"))
    ]
    assert figures[0] == figures[1]
    assert [record["step"] for record in figures[0]] == [1, 2, 3, 4]


@pytest.mark.asyncio
async def test_void_episodes_are_counted_and_not_trained_on(tmp_path: Path) -> None:
    seen: list[Iteration] = []
    await trainer(tmp_path, iterations=1, void=range(1, 16)).run(seen.append)
    values = seen[0].values
    assert (values["episodes"], values["void"]) == (49, 15)


@pytest.mark.asyncio
async def test_too_many_void_episodes_stop_the_run(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"17 of 64 episodes are void.*crashed"):
        await trainer(tmp_path, iterations=1, void=range(17)).run()


@pytest.mark.asyncio
async def test_an_engine_with_other_weights_stops_the_run(tmp_path: Path) -> None:
    wrong = trainer(tmp_path, iterations=9)
    other = tiny_model(TOKENIZER, seed=1)
    wrong._engine.model = other
    with pytest.raises(TrainingError, match="differ by"):
        await wrong.run()


@pytest.mark.asyncio
async def test_groups_that_agree_take_no_step(tmp_path: Path) -> None:
    idle = trainer(tmp_path, iterations=1)
    before = tiny_model(TOKENIZER)

    async def collect(requests: Sequence[EpisodeRequest]) -> list[Trajectory]:
        return [trajectory(task=r.task, seed=r.seed) for r in requests]

    idle._collect = collect
    seen: list[Iteration] = []
    await idle.run(seen.append)
    assert same_weights(idle._learner.model, before)
    assert seen[0].values["samples"] == 0


@pytest.mark.asyncio
async def test_no_iteration_begins_that_would_end_too_late(tmp_path: Path) -> None:
    limited = trainer(tmp_path, iterations=9, max_wall_s=1e-9)
    await limited.run()
    assert limited.step == 1


@pytest.mark.asyncio
async def test_the_learning_rate_falls_to_its_last_share(tmp_path: Path) -> None:
    shares: list[float] = []
    run = trainer(tmp_path, iterations=4, last_learning_rate=0.2)
    await run.run(lambda _: shares.append(run._learner.learning_rate_share))
    assert shares == pytest.approx([1.0, 0.8, 0.6, 0.4])


@pytest.mark.asyncio
async def test_the_learning_rate_falls_with_the_time_if_that_ends_first(tmp_path: Path) -> None:
    run = trainer(tmp_path, iterations=1000, last_learning_rate=0.0, max_wall_s=100.0)
    run.wall_s = 75.0
    await run._iterate()
    assert run._learner.learning_rate_share == pytest.approx(0.25)


@pytest.mark.asyncio
async def test_successes_are_imitated_and_survive_a_resumption(tmp_path: Path) -> None:
    seen: list[Iteration] = []
    run = trainer(tmp_path, iterations=2, imitation_steps=6)
    await run.run(seen.append)
    assert seen[-1].values["imitation_loss"] < seen[0].values["imitation_loss"]
    resumed = trainer(tmp_path, iterations=2, imitation_steps=6)
    resumed.resume()
    assert len(resumed._successes) == len(run._successes) > 0


@pytest.mark.asyncio
async def test_groups_that_agree_are_imitated_if_they_succeeded(tmp_path: Path) -> None:
    """Where all succeed there is nothing to compare, but something to keep."""
    run = trainer(tmp_path, iterations=1, imitation_steps=1, group_size=1)
    before = run._learner.num_steps
    await run.run()
    assert run._learner.num_steps == before + 1
