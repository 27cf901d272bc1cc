"""Supervised fine-tuning on demonstrations, up to the plateau of the validation success."""

import copy
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import torch
from pydantic import BaseModel, ConfigDict, Field

from cairn.agents.llm import Prompt, Tokenizer
from cairn.agents.trajectory import Trajectory
from cairn.envs.actions import parse_action
from cairn.trainers.algorithm import Aggregation
from cairn.trainers.batching import token_weights
from cairn.trainers.errors import TrainingError
from cairn.trainers.learner import Learner, LearnerConfig
from cairn.trainers.objective import imitation
from cairn.trainers.renaming import Renamer
from cairn.trainers.samples import Sample, demonstration_sample


class SftConfig(BaseModel):
    """How demonstrations are learned.

    Attributes:
        demonstrations: Successful oracle episodes of each task.
        learner: How weights are changed.
        batch_size: Samples an optimiser step.
        max_epochs: At most so many passes over the demonstrations.
        validate_every: Epochs between two validations.
        patience: Stop after so many validations without a better one; None never stops.
        max_wall_s: Stop after so many seconds; None never stops.
        validation_instances: Episodes of each task in a validation.
        rename_share: Probability with which a copied word is exchanged, anew in each epoch; for
            small models with plain prompts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    demonstrations: int = Field(default=25, ge=1)
    learner: LearnerConfig = LearnerConfig()
    batch_size: int = Field(default=32, ge=1)
    max_epochs: int = Field(default=100, ge=1)
    validate_every: int = Field(default=4, ge=1)
    patience: int | None = Field(default=3, ge=1)
    max_wall_s: float | None = Field(default=None, gt=0)
    validation_instances: int = Field(default=10, ge=1)
    rename_share: float = Field(default=0.0, ge=0, le=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SftEpoch:
    """What one epoch did.

    Attributes:
        epoch: Counted from 1.
        loss: Mean negative log-likelihood of a token, in nats.
        success: Validation success; None in epochs without a validation.
        wall_s: Time since the start.
    """

    epoch: int
    loss: float
    success: float | None
    wall_s: float


Validate = Callable[[], Awaitable[float]]
"""Returns the success rate of the model as it is."""


def demonstration_samples(
    demonstrations: Sequence[Trajectory], tokenizer: Tokenizer, prompt: Prompt
) -> list[Sample]:
    """Turn demonstrations into samples, one a turn, as the agent would have been prompted.

    Raises:
        TrainingError: If one of them did not succeed.
    """
    samples: list[Sample] = []
    for episode, trajectory in enumerate(demonstrations):
        if not trajectory.is_success:
            raise TrainingError(
                f"demonstration of {trajectory.task!r} at seed {trajectory.seed} has no success"
            )
        lines: list[str] = []
        for turn in trajectory.turns:
            action = parse_action(turn.decision.action)
            prompt_ids = prompt.ids(tokenizer, turn.observation, lines)
            action_ids = prompt.action_ids(tokenizer, action, turn.observation.page)
            samples.append(demonstration_sample(prompt_ids, action_ids, episode=episode))
            lines.append(prompt.line(action, turn.observation.page))
    return samples


async def train_sft(
    learner: Learner,
    samples: Sequence[Sample],
    config: SftConfig,
    *,
    validate: Validate,
    seed: int,
    renamer: Renamer | None = None,
    on_epoch: Callable[[SftEpoch], None] = lambda _: None,
) -> list[SftEpoch]:
    """Train until the validation success stops rising, and keep the best weights.

    Args:
        learner: Learns.
        samples: From `demonstration_samples`.
        config: How.
        validate: Measures the success of the model.
        seed: Of the order of the samples.
        renamer: Tells the samples with other words in each epoch.
        on_epoch: Called after each epoch.

    Returns:
        One entry for each epoch.
    """
    rng = random.Random(seed)
    started = time.perf_counter()
    epochs: list[SftEpoch] = []
    best, best_weights, num_worse = -1.0, None, 0
    for number in range(1, config.max_epochs + 1):
        told = samples if renamer is None else [renamer.rename(s, rng) for s in samples]
        loss = _epoch(learner, told, config.batch_size, rng)
        is_late = (
            config.max_wall_s is not None and time.perf_counter() - started > config.max_wall_s
        )
        is_last = is_late or number == config.max_epochs
        success = await validate() if is_last or number % config.validate_every == 0 else None
        wall_s = time.perf_counter() - started
        epochs.append(SftEpoch(epoch=number, loss=loss, success=success, wall_s=wall_s))
        on_epoch(epochs[-1])
        if success is not None:
            num_worse = 0 if success > best else num_worse + 1
            if success > best:
                best, best_weights = success, _trainable(learner)
        if is_last or (config.patience is not None and num_worse >= config.patience):
            break
    if best_weights is not None:
        learner.model.load_state_dict(best_weights, strict=False)
    return epochs


def _epoch(
    learner: Learner, samples: Sequence[Sample], batch_size: int, rng: random.Random
) -> float:
    """Pass once over the samples and return the mean loss."""
    order = rng.sample(range(len(samples)), len(samples))
    losses: list[float] = []
    for start in range(0, len(order), batch_size):
        batch = [samples[i] for i in order[start : start + batch_size]]
        weights = token_weights(batch, Aggregation.TOKEN)
        losses.append(learner.step(batch, weights, imitation).loss)
    return sum(losses) / len(losses)


def _trainable(learner: Learner) -> dict[str, torch.Tensor]:
    named = learner.model.named_parameters()
    return {name: copy.deepcopy(p.detach()) for name, p in named if p.requires_grad}
