from pathlib import Path

import pytest
import torch

from cairn.sandbox.errors import ConfigError
from cairn.trainers.model import load_model, load_tokenizer
from tests.trainers.tiny import same_weights, save_tiny, tiny_model, tiny_tokenizer


def test_a_saved_model_loads_again(tmp_path: Path) -> None:
    save_tiny(tmp_path)
    assert same_weights(load_model(tmp_path), tiny_model(tiny_tokenizer()))
    text = "goal Save Documents é 123\n> click e1"
    built, tokenizer = tiny_tokenizer(), load_tokenizer(tmp_path)
    assert tokenizer.encode(text) == built.encode(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="absent' does not exist; give a folder"):
        load_model(tmp_path / "absent")


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no config\.json"):
        load_model(tmp_path)


def test_a_broken_model_is_a_one_line_error(tmp_path: Path) -> None:
    save_tiny(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ConfigError, match="cannot be loaded") as caught:
        load_model(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_model_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "no-such-model"}')
    with pytest.raises(ConfigError, match="no-such-model"):
        load_model(tmp_path)


def test_a_missing_tokenizer_is_named(tmp_path: Path) -> None:
    tiny_model(tiny_tokenizer()).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=r"holds no tokenizer\.json"):
        load_tokenizer(tmp_path)


def test_the_small_model_is_the_same_for_the_same_seed() -> None:
    tokenizer = tiny_tokenizer()
    torch.manual_seed(123)
    one = tiny_model(tokenizer, seed=4)
    torch.manual_seed(321)
    assert same_weights(one, tiny_model(tokenizer, seed=4))
    assert not same_weights(one, tiny_model(tokenizer, seed=5))
