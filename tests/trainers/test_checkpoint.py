import asyncio
import random
from pathlib import Path

import pytest
import torch

from cairn.agents.engines.hf import HFEngine
from cairn.sandbox.errors import ConfigError
from cairn.trainers.checkpoint import LoopState, latest_checkpoint, load_checkpoint, save_checkpoint
from cairn.trainers.learner import Learner, LearnerConfig
from cairn.trainers.model import LoraSettings, load_model, with_lora
from cairn.trainers.objective import imitation
from cairn.trainers.samples import demonstration_sample
from tests.trainers.tiny import same_weights, save_tiny, tiny_model, tiny_tokenizer

TOKENIZER = tiny_tokenizer()
BATCH = [demonstration_sample((5, 6, 7), (8, 9), episode=0)]


def save(folder: Path, learner: Learner, rng: random.Random, step: int) -> Path:
    loop = LoopState(step=step, values={"wall_s": 1.5})
    return save_checkpoint(folder, learner=learner, tokenizer=TOKENIZER, loop=loop, rng=rng)


def test_a_learner_goes_on_from_a_checkpoint_bit_for_bit(tmp_path: Path) -> None:
    learner, rng = Learner(tiny_model(TOKENIZER), LearnerConfig(warm_up_steps=4)), random.Random(1)
    learner.step(BATCH, [0.5], imitation)
    rng.random()
    path = save(tmp_path, learner, rng, 7)
    for _ in range(2):
        learner.step(BATCH, [0.5], imitation)
    drawn, torch_drawn = rng.random(), torch.rand(1)

    other = Learner(tiny_model(TOKENIZER, seed=9), LearnerConfig(warm_up_steps=4))
    other_rng = random.Random(2)
    state = load_checkpoint(path, learner=other, rng=other_rng)
    for _ in range(2):
        other.step(BATCH, [0.5], imitation)
    assert (state.step, state.values) == (7, {"wall_s": 1.5})
    assert same_weights(learner.model, other.model)
    assert (other_rng.random(), torch.rand(1)) == (drawn, torch_drawn)


def test_a_checkpoint_is_a_model_folder(tmp_path: Path) -> None:
    learner = Learner(tiny_model(TOKENIZER), LearnerConfig())
    path = save(tmp_path, learner, random.Random(0), 1)
    assert same_weights(load_model(path), learner.model)


def test_the_two_newest_checkpoints_are_kept(tmp_path: Path) -> None:
    learner = Learner(tiny_model(TOKENIZER), LearnerConfig())
    for step in (1, 2, 10):
        save(tmp_path, learner, random.Random(0), step)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-000002", "step-000010"]
    assert latest_checkpoint(tmp_path).name == "step-000010"


def test_a_half_written_checkpoint_is_not_resumed(tmp_path: Path) -> None:
    learner = Learner(tiny_model(TOKENIZER), LearnerConfig())
    save(tmp_path, learner, random.Random(0), 1)
    (tmp_path / ".step-000002.part").mkdir()
    assert latest_checkpoint(tmp_path).name == "step-000001"
    save(tmp_path, learner, random.Random(0), 2)
    assert latest_checkpoint(tmp_path).name == "step-000002"


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    learner = Learner(tiny_model(TOKENIZER), LearnerConfig())
    path = save(tmp_path, learner, random.Random(0), 1)
    other = Learner(with_lora(tiny_model(TOKENIZER), LoraSettings()), LearnerConfig())
    with pytest.raises(ConfigError, match="is of another model"):
        load_checkpoint(path, learner=other, rng=random.Random(0))


def test_a_folder_without_checkpoints_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to resume"):
        latest_checkpoint(tmp_path)


def test_a_lora_checkpoint_loads_with_its_base(tmp_path: Path) -> None:
    base = load_model(save_tiny(tmp_path / "base"))
    learner = Learner(with_lora(base, LoraSettings(rank=2)), LearnerConfig(learning_rate=0.1))
    learner.step(BATCH, [0.5], imitation)
    path = save(tmp_path / "checkpoints", learner, random.Random(0), 1)
    again = HFEngine(load_model(path), stop_ids=[])
    served = asyncio.run(again.logprobs(BATCH[0].ids))
    assert served[2:] == pytest.approx(learner.logprobs(BATCH)[0], abs=1e-5)
