import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from cairn.trainers import pretrain as module
from cairn.trainers.model import load_model, load_tokenizer
from cairn.trainers.pretrain import Recipe, pretrain
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


@pytest.fixture(autouse=True)
def _few_words(monkeypatch: pytest.MonkeyPatch) -> None:
    words = [f"Word{chr(97 + i)}{chr(97 + k)}" for i in range(8) for k in range(8)]
    monkeypatch.setattr(module, "known_words", lambda: words)


def test_a_recipe_makes_the_same_model_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE)
    arguments = ["pretrain", str(tmp_path / "recipe.toml"), str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", arguments)
    module.main()
    made_by = json.loads((tmp_path / "out" / "made_by.json").read_text())
    assert made_by["recipe"]["seed"] == 3
    assert len(made_by["sha256"]) == 64
    random.seed(99)
    again: Any = pretrain(Recipe.model_validate(made_by["recipe"])).model
    loaded = load_model(tmp_path / "out")
    assert same_weights(loaded, again.bfloat16().float())
    assert load_tokenizer(tmp_path / "out").encode(" e3")
