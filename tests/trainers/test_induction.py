import random

import pytest
import torch
from transformers import Qwen2ForCausalLM

from cairn.trainers.exercises import repeats
from cairn.trainers.model import SmallModelConfig, build_small_model
from tests.trainers.tiny import tiny_tokenizer


def build(*, with_induction_heads: bool, num_heads: int = 4) -> Qwen2ForCausalLM:
    config = SmallModelConfig(
        hidden_size=128,
        intermediate_size=128,
        num_layers=2,
        num_heads=num_heads,
        with_induction_heads=with_induction_heads,
    )
    return build_small_model(config, tiny_tokenizer(), seed=0)


def share_foretold(model: Qwen2ForCausalLM) -> float:
    rng = random.Random(0)
    num_right = num_sure = 0
    for _ in range(16):
        drawn = repeats(rng, len(tiny_tokenizer()))
        with torch.no_grad():
            guesses = model(input_ids=torch.tensor([drawn.ids])).logits[0, :-1].argmax(dim=-1)
        for guess, token, is_sure in zip(
            guesses.tolist(), drawn.ids[1:], drawn.is_sure[1:], strict=True
        ):
            num_sure += is_sure
            num_right += is_sure and guess == token
    return num_right / num_sure


def test_induction_heads_foretell_most_repeated_tokens_without_training() -> None:
    assert share_foretold(build(with_induction_heads=True)) > 0.5
    assert share_foretold(build(with_induction_heads=False)) < 0.05


def test_the_first_layer_looks_back_one_one_two_and_three_tokens() -> None:
    model = build(with_induction_heads=True)
    model.set_attn_implementation("eager")
    ids = torch.arange(3, 15)[None]
    weights = model(input_ids=ids, output_attentions=True).attentions[0][0]
    for head, distance in enumerate((1, 1, 2, 3)):
        looked_at = weights[head, 5:].argmax(dim=-1).tolist()
        assert looked_at == [position - distance for position in range(5, 12)]


def test_induction_heads_need_four_heads() -> None:
    with pytest.raises(ValueError, match="4 heads"):
        build(with_induction_heads=True, num_heads=2)
