import copy
import math
from pathlib import Path

import pytest
import torch

from cairn.trainers.algorithm import ALGORITHMS, Aggregation, Algorithm
from cairn.trainers.batching import token_weights
from cairn.trainers.errors import TrainingError
from cairn.trainers.learner import Learner, LearnerConfig
from cairn.trainers.model import LoraSettings, with_lora
from cairn.trainers.objective import Scored, Terms, imitation, policy_objective
from cairn.trainers.samples import Sample, demonstration_sample
from tests.trainers.tiny import same_weights, tiny_model, tiny_tokenizer

TOKENIZER = tiny_tokenizer()
BATCH = [
    demonstration_sample((5, 6, 7), (8, 9), episode=0),
    demonstration_sample((4,), (9, 8, 7, 6), episode=1),
    demonstration_sample((3, 5, 6, 7, 8, 9, 4), (2,), episode=2),
]
WEIGHTS = token_weights(BATCH, Aggregation.TOKEN)


def scored_by(learner: Learner, samples: list[Sample]) -> list[Sample]:
    """Return the samples with the learner's own log-probs as those of the behaviour."""
    result = []
    for sample, logprobs in zip(samples, learner.logprobs(samples), strict=True):
        gap = len(sample.ids) - len(logprobs)
        fields = {name: getattr(sample, name) for name in ("ids", "is_trained", "advantages")}
        result.append(Sample(**fields, logprobs=(0.0,) * gap + tuple(logprobs), episode=0))
    return result


def gradients(samples: list[Sample], max_tokens: int) -> list[torch.Tensor]:
    learner = Learner(tiny_model(TOKENIZER), LearnerConfig(max_tokens=max_tokens))
    taken: list[torch.Tensor] = []

    def keep(*_: object) -> None:
        taken.extend(p.grad.clone() for p in learner.model.parameters() if p.grad is not None)

    learner.optimizer.register_step_pre_hook(keep)
    learner.config = LearnerConfig(max_tokens=max_tokens, max_grad_norm=1e9)
    learner.step(samples, token_weights(samples, Aggregation.TOKEN), imitation)
    return taken


def test_the_split_into_micro_batches_does_not_change_the_gradient() -> None:
    for whole, split in zip(gradients(BATCH, 1000), gradients(BATCH, 1), strict=True):
        assert torch.allclose(whole, split, atol=1e-6)


def test_padding_does_not_change_logprobs() -> None:
    learner = Learner(tiny_model(TOKENIZER), LearnerConfig())
    together = learner.logprobs(BATCH)
    for sample, logprobs in zip(BATCH, together, strict=True):
        assert learner.logprobs([sample])[0] == pytest.approx(logprobs, abs=1e-5)


def test_before_a_step_the_ratio_is_one_and_the_loss_minus_the_mean_advantage() -> None:
    learner = Learner(tiny_model(TOKENIZER), LearnerConfig())
    report = learner.step(scored_by(learner, BATCH), WEIGHTS, policy_objective(ALGORITHMS["dapo"]))
    assert report.loss == pytest.approx(-1.0, abs=1e-5)
    assert report.sums["clip_share"] == 0
    assert report.sums["kl_old"] == pytest.approx(0.0, abs=1e-6)


def test_imitation_makes_the_demonstrations_likelier() -> None:
    learner = Learner(tiny_model(TOKENIZER), LearnerConfig(learning_rate=1e-2))
    before = sum(map(sum, learner.logprobs(BATCH)))
    for _ in range(10):
        learner.step(BATCH, WEIGHTS, imitation)
    assert sum(map(sum, learner.logprobs(BATCH))) > before + 5


def test_a_rewarded_token_becomes_likelier_and_the_reference_stays() -> None:
    algorithm = Algorithm(kl=ALGORITHMS["grpo"].kl, kl_weight=0.01)
    model = tiny_model(TOKENIZER)
    first = copy.deepcopy(model)
    learner = Learner(model, LearnerConfig(), with_reference=True)
    batch = scored_by(learner, BATCH)
    reports = [learner.step(batch, WEIGHTS, policy_objective(algorithm)) for _ in range(3)]
    assert sum(map(sum, learner.logprobs(BATCH))) > sum(sum(s.logprobs) for s in batch)
    assert reports[0].sums["kl_reference"] == pytest.approx(0.0, abs=1e-6)
    assert reports[2].sums["kl_reference"] > 0
    assert same_weights(learner._reference, first)  # type: ignore[arg-type]


def test_warm_up_raises_the_learning_rate() -> None:
    learner = Learner(tiny_model(TOKENIZER), LearnerConfig(learning_rate=1e-3, warm_up_steps=3))
    rates = []
    for _ in range(5):
        learner.step(BATCH, WEIGHTS, imitation)
        rates.append(learner.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([2.5e-4, 5e-4, 7.5e-4, 1e-3, 1e-3])


def test_the_learning_rate_is_multiplied_by_its_share() -> None:
    learner = Learner(tiny_model(TOKENIZER), LearnerConfig(learning_rate=1e-3, warm_up_steps=1))
    learner.learning_rate_share = 0.4
    learner.step(BATCH, WEIGHTS, imitation)
    assert learner.optimizer.param_groups[0]["lr"] == pytest.approx(2e-4)


def nan_loss(scored: Scored) -> Terms:
    return Terms(loss=scored.logprob_RK.sum() * math.nan)


def test_a_non_finite_gradient_changes_nothing_and_dumps_the_batch(tmp_path: Path) -> None:
    model = tiny_model(TOKENIZER)
    before = copy.deepcopy(model)
    learner = Learner(model, LearnerConfig(), dump_folder=tmp_path)
    report = learner.step(BATCH, WEIGHTS, nan_loss)
    assert report.is_skipped
    assert same_weights(model, before)
    dumped = torch.load(tmp_path / "bad-batch-000000.pt")
    assert dumped["samples"][0][0] == BATCH[0].ids


def test_non_finite_gradients_in_a_row_stop_the_run() -> None:
    learner = Learner(tiny_model(TOKENIZER), LearnerConfig(max_bad_steps=2))
    learner.step(BATCH, WEIGHTS, nan_loss)
    learner.step(BATCH, WEIGHTS, imitation)
    learner.step(BATCH, WEIGHTS, nan_loss)
    with pytest.raises(TrainingError, match="2 steps in a row"):
        learner.step(BATCH, WEIGHTS, nan_loss)


def test_lora_trains_the_adapters_alone_and_its_reference_is_the_base() -> None:
    base = tiny_model(TOKENIZER)
    first = copy.deepcopy(base)
    model = with_lora(base, LoraSettings(rank=2))
    learner = Learner(model, LearnerConfig(learning_rate=1e-2), with_reference=True)
    algorithm = Algorithm(kl=ALGORITHMS["grpo"].kl, kl_weight=0.01)
    batch = scored_by(learner, BATCH)
    before = learner.logprobs(BATCH)
    reports = [learner.step(batch, WEIGHTS, policy_objective(algorithm)) for _ in range(3)]
    assert learner.logprobs(BATCH) != before
    assert reports[0].sums["kl_reference"] == pytest.approx(0.0, abs=1e-6)
    assert reports[2].sums["kl_reference"] > 0
    with model.disable_adapter():
        assert learner.logprobs(BATCH) == before
    weights = dict(model.named_parameters())
    for name, parameter in first.named_parameters():
        *path, last = name.split(".")
        renamed = ".".join(["base_model.model", *path])
        kept = weights.get(f"{renamed}.{last}", weights.get(f"{renamed}.base_layer.{last}"))
        assert kept is not None
        assert torch.equal(kept, parameter)
