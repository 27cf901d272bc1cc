import json
import random
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from torch import Tensor
from torch.nn.functional import one_hot

from cairn.trainers import pretrain as module
from cairn.trainers.exercises import QUESTIONS, Question, look_up
from cairn.trainers.model import load_model, load_tokenizer
from cairn.trainers.pretrain import NO_LABEL, Recipe, Schedule, accuracy, pretrain
from cairn.trainers.tokenizer import build_tokenizer
from tests.trainers.tiny import same_weights

RECIPE = """
seed = 3
num_refs = 9
[model]
hidden_size = 16
intermediate_size = 32
num_layers = 1
num_heads = 2
[schedule]
batch_size = 2
warm_up_steps = 2
steps = 4
repeat_share = 0.5
learning_rate = 1e-3
"""


WORDS = [f"Word{chr(97 + i)}{chr(97 + k)}" for i in range(8) for k in range(8)]
TOKENIZER = build_tokenizer(WORDS, num_refs=9)


class Seer:
    """Foretells every token, except in the rows it is told to fail in."""

    def __init__(self, *failing: int) -> None:
        self.failing = failing

    def __call__(self, *, input_ids: Tensor) -> SimpleNamespace:
        next_RT = input_ids.roll(-1, dims=1)
        next_RT[list(self.failing)] = 0
        return SimpleNamespace(logits=one_hot(next_RT, len(TOKENIZER)).float())


@pytest.fixture(autouse=True)
def _few_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "known_words", lambda: WORDS)


@pytest.mark.parametrize("question", dict.fromkeys(QUESTIONS))
def test_accuracy_is_the_share_of_exercises_without_a_wrong_token(question: Question) -> None:
    for seer, share in ((Seer(), 1.0), (Seer(1), 0.75), (Seer(0, 1, 2, 3), 0.0)):
        model: Any = seer
        assert accuracy(model, TOKENIZER, WORDS, question, 4) == share


def test_the_loss_is_on_what_is_sure_and_on_the_end() -> None:
    row = module._exercise_row(
        random.Random(0), WORDS, TOKENIZER, size=4, num_questions=2, only=look_up
    )
    labelled = [token for token in row.labels if token != NO_LABEL]
    assert len(row.labels) == len(row.ids)
    assert all(a in (b, NO_LABEL) for a, b in zip(row.labels, row.ids, strict=True))
    assert labelled.count(TOKENIZER.eos_token_id) == 2
    refs = {TOKENIZER.encode(f" e{number}")[0] for number in range(1, 10)}
    assert len([token for token in labelled if token in refs]) == 2


def test_pages_grow_and_the_learning_rate_rises_then_falls() -> None:
    schedule = Schedule(warm_up_steps=100, steps=1100, repeat_share=0.5, learning_rate=1e-3)
    largest = [
        max(module._size(random.Random(seed), step, schedule) for seed in range(50))
        for step in (100, 350, 600, 1099)
    ]
    assert largest == [2, 7, 12, 12]
    factors = [module._learning_rate_factor(step, 1000) for step in (0, 49, 500, 800, 999)]
    assert factors == pytest.approx([0.02, 1.0, 1.0, 0.5, 0.02])


def test_a_recipe_makes_the_same_model_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "LOG_EVERY", 2)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    arguments = ["pretrain", str(tmp_path / "recipe.toml"), str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", arguments)
    module.main()
    made_by = json.loads((tmp_path / "out" / "made_by.json").read_text())
    shown = capsys.readouterr().out
    assert [line.split()[1] for line in shown.splitlines() if line.startswith("step")] == ["2", "4"]
    assert all(f"  {question.__name__} " in shown for question in QUESTIONS)
    assert made_by["recipe"]["seed"] == 3
    assert len(made_by["sha256"]) == 64
    random.seed(99)
    again: Any = pretrain(Recipe.model_validate(made_by["recipe"])).model
    loaded = load_model(tmp_path / "out")
    assert same_weights(loaded, again.bfloat16().float())
    assert len(load_tokenizer(tmp_path / "out").encode(" e3 123")) == 2
