"""Makes the demo's base model from generic exercises, once.

Usage: python -m cairn.trainers.pretrain configs/demo_base.toml OUT
"""

import argparse
import hashlib
import json
import random
import sys
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerBase, Qwen2ForCausalLM

from cairn.trainers.exercises import QUESTIONS, Question, exercise, repeats
from cairn.trainers.model import SmallModelConfig, build_small_model
from cairn.trainers.tokenizer import build_tokenizer
from cairn.trainers.vocabulary import known_words

NO_LABEL = -100
LOG_EVERY = 400
MIN_SIZE, MAX_SIZE = 2, 12
NUM_QUESTIONS = 4
ROWS_AT_A_TIME = 8


class Schedule(BaseModel):
    """How long to train on what.

    Attributes:
        batch_size: Exercises a step.
        warm_up_steps: First steps, on repeats alone.
        steps: All steps.
        repeat_share: Share of repeats after the warm-up.
        learning_rate: Peak of AdamW's learning rate; falls to 0 over the last 40 %.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_size: int = Field(default=64, ge=1)
    warm_up_steps: int = Field(ge=0)
    steps: int = Field(ge=1)
    repeat_share: float = Field(ge=0, le=1)
    learning_rate: float = Field(gt=0)


class Recipe(BaseModel):
    """Everything that decides the base model's weights.

    Attributes:
        seed: Of weights and exercises.
        num_refs: Refs that are one token.
        model: Sizes.
        schedule: Training.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int
    num_refs: int
    model: SmallModelConfig
    schedule: Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretrained:
    """A trained model and its tokenizer."""

    model: Qwen2ForCausalLM
    tokenizer: PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Token ids and, for each, itself as the label or `NO_LABEL`."""

    ids: Sequence[int]
    labels: Sequence[int]


def pretrain(recipe: Recipe) -> Pretrained:
    """Build and train the model; deterministic for one machine and torch build."""
    words = known_words()
    tokenizer = build_tokenizer(words, num_refs=recipe.num_refs)
    model = build_small_model(recipe.model, tokenizer, seed=recipe.seed)
    rng = random.Random(recipe.seed)
    schedule = recipe.schedule
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=schedule.learning_rate, betas=(0.9, 0.95), weight_decay=0.0
    )
    started = time.perf_counter()
    for step in range(schedule.steps):
        for group in optimizer.param_groups:
            group["lr"] = schedule.learning_rate * _learning_rate_factor(step, schedule.steps)
        share = 1.0 if step < schedule.warm_up_steps else schedule.repeat_share
        # A step's rows are of one kind and size: rows of equal length need little padding.
        draw = (
            partial(_repeat_row, rng, len(tokenizer))
            if rng.random() < share
            else partial(_exercise_row, rng, words, tokenizer, size=_size(rng, step, schedule))
        )
        loss = _accumulate_gradients(model, [draw() for _ in range(schedule.batch_size)])
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if (step + 1) % LOG_EVERY == 0:
            _log(f"step {step + 1} {time.perf_counter() - started:.0f} s loss {loss:.3f}")
            for question in dict.fromkeys(QUESTIONS):
                score = accuracy(model, tokenizer, words, question, 64)
                _log(f"  {question.__name__} {score:.2f}")
    return Pretrained(model=model, tokenizer=tokenizer)


def accuracy(
    model: Qwen2ForCausalLM,
    tokenizer: PreTrainedTokenizerBase,
    words: Sequence[str],
    question: Question,
    num_exercises: int,
    *,
    seed: int = 1,
) -> float:
    """Return the share of exercises whose sure tokens are all the likeliest, teacher-forced."""
    rng = random.Random(seed)
    rows = [
        _exercise_row(rng, words, tokenizer, size=MAX_SIZE, num_questions=1, only=question)
        for _ in range(num_exercises)
    ]
    ids_RT, labels_RT = _collate(rows)
    with torch.no_grad():
        guess_RT = model(input_ids=ids_RT).logits[:, :-1].argmax(dim=-1)
    wanted_RT = labels_RT[:, 1:]
    is_right_RT = (guess_RT == wanted_RT) | (wanted_RT == NO_LABEL)
    return float(is_right_RT.all(dim=1).double().mean())


def _size(rng: random.Random, step: int, schedule: Schedule) -> int:
    """Draw the size of a page: small ones first, all sizes after half of the steps."""
    progress = (step - schedule.warm_up_steps) / (schedule.steps - schedule.warm_up_steps)
    largest = MIN_SIZE + (MAX_SIZE - MIN_SIZE) * min(1.0, 2 * progress)
    return rng.randint(MIN_SIZE, round(largest))


def _learning_rate_factor(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / 50, max(0.02, (1 - step / steps) / 0.4))


def _accumulate_gradients(model: Qwen2ForCausalLM, rows: Sequence[Row]) -> float:
    """Add the gradient of the mean loss of a labelled token, and return that loss.

    Few rows at a time, of like length: their activations stay in the processor's cache.
    """
    by_length = sorted(rows, key=lambda row: len(row.ids))
    num_labels = sum(label != NO_LABEL for row in rows for label in row.labels[1:])
    total = 0.0
    for start in range(0, len(rows), ROWS_AT_A_TIME):
        loss = _summed_loss(model, by_length[start : start + ROWS_AT_A_TIME]) / num_labels
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.item()
    return total


def _summed_loss(model: Qwen2ForCausalLM, rows: Sequence[Row]) -> Tensor:
    ids_RT, labels_RT = _collate(rows)
    hidden_RTH = model.model(input_ids=ids_RT).last_hidden_state[:, :-1]
    wanted_RT = labels_RT[:, 1:]
    is_labelled_RT = wanted_RT != NO_LABEL
    logits = model.lm_head(hidden_RTH[is_labelled_RT])
    return cross_entropy(logits, wanted_RT[is_labelled_RT], reduction="sum")


def _repeat_row(rng: random.Random, num_tokens: int) -> Row:
    drawn = repeats(rng, num_tokens)
    labels = [
        token if sure else NO_LABEL for token, sure in zip(drawn.ids, drawn.is_sure, strict=True)
    ]
    return Row(ids=drawn.ids, labels=labels)


def _exercise_row(
    rng: random.Random,
    words: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    *,
    size: int,
    num_questions: int = NUM_QUESTIONS,
    only: Question | None = None,
) -> Row:
    ids: list[int] = []
    labels: list[int] = []
    for pieces in exercise(rng, words, size=size, num_questions=num_questions, only=only):
        for piece in pieces:
            new = tokenizer.encode(piece.text, add_special_tokens=False)
            ids += new
            labels += new if piece.is_sure else [NO_LABEL] * len(new)
        ids.append(tokenizer.eos_token_id)
        labels.append(tokenizer.eos_token_id)
    return Row(ids=ids, labels=labels)


def _collate(rows: Sequence[Row]) -> tuple[Tensor, Tensor]:
    width = max(len(row.ids) for row in rows)
    ids = [[*row.ids, *[0] * (width - len(row.ids))] for row in rows]
    labels = [[*row.labels, *[NO_LABEL] * (width - len(row.ids))] for row in rows]
    return torch.tensor(ids), torch.tensor(labels)


def _log(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    """Read the recipe, train, and save the model with what made it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    recipe = Recipe.model_validate(tomllib.loads(options.recipe.read_text()))
    made = pretrain(recipe)
    model: Any = made.model
    model.to(torch.bfloat16).save_pretrained(options.out)
    made.tokenizer.save_pretrained(options.out)
    digest = hashlib.sha256((options.out / "model.safetensors").read_bytes()).hexdigest()
    made_by = {"recipe": recipe.model_dump(), "sha256": digest, "torch": torch.__version__}
    (options.out / "made_by.json").write_text(json.dumps(made_by, indent=2) + "\n")


if __name__ == "__main__":
    main()
