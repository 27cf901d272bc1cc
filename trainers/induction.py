"""First weights that already copy: induction heads put in place instead of waited for.

An induction head finds what followed the current token earlier in the text and foretells it again
(Olsson et al. 2022, arXiv:2209.11895). It needs two layers: heads of the first carry the identity
of the token before to each position, heads of the second look for positions where that equals the
current token, and copy what stands there. All of acting on a page rests on it, and small models
trained from random weights take most of their training to form it. With these weights 70 % of the
repeated tokens of a random text are foretold before the first training step, where random weights
foretell none.

The width is cut into four orthogonal blocks: "here" and "value" hold parts of the token's own
embedding, "one back" and "two back" receive the "here" part of the tokens before.
"""

import math
from typing import Any

import torch
from torch import Tensor
from transformers import Qwen2ForCausalLM

ROPE_THETA = 1e6
"""Slow rotations, so that the content of far tokens still compares."""

_LOOK_BACK = (1, 1, 2, 3)
_LOOK_BACK_SCALE = 6.0
_LOOK_BACK_FREQUENCIES = 4
_FIRST_SLOW_PAIR = 6
_NUM_PAIRS_FOR_ONE = 8
_WRITE_SCALE = 1.5
_SHARPNESS = 8.0
_COPY_SCALE = 0.75


def put_induction_heads(model: Qwen2ForCausalLM, *, seed: int) -> None:
    """Overwrite the attention of the first two layers; the model must have four heads."""
    config = model.config
    if config.num_attention_heads != 4 or config.num_hidden_layers < 2:
        raise ValueError("induction heads: the model must have 4 heads and 2 layers or more")
    generator = torch.Generator().manual_seed(seed)
    width, size = config.hidden_size, config.hidden_size // 4
    basis = torch.linalg.qr(torch.randn(width, width, generator=generator))[0]
    one_back, here, two_back, value = basis.split(size, dim=1)
    layers: Any = model.model.layers
    with torch.no_grad():
        first, second = layers[0].self_attn, layers[1].self_attn
        for head, distance in enumerate(_LOOK_BACK):
            _look_back(first, head, size, distance=distance)
        spread = model.model.embed_tokens.weight.std().item() * 2
        for head, target in ((0, one_back), (2, two_back)):
            _carry(first, head, size, source=here, target=target * (_WRITE_SCALE * spread))
        for head in (1, 3):
            first.o_proj.weight[:, _rows(head, size)] *= 0.1
        for head in range(4):
            turn = torch.linalg.qr(torch.randn(size, size, generator=generator))[0]
            _compare(second, head, size, (here @ turn, one_back @ turn, two_back @ turn))
            copied = here if head < 2 else value
            _carry(second, head, size, source=copied, target=copied * _COPY_SCALE)


def _rows(head: int, size: int) -> slice:
    return slice(head * size, (head + 1) * size)


def _look_back(attention: Any, head: int, size: int, *, distance: int) -> None:
    """Make a head attend to the token `distance` before.

    Rotary embedding turns query and key by their positions, so constant ones (the biases) attend by
    distance alone: with `q = R(-distance) k` the score is largest where the key is that far back.
    """
    rows = _rows(head, size)
    key, query = torch.zeros(size), torch.zeros(size)
    for i in range(min(_LOOK_BACK_FREQUENCIES, size // 2)):
        angle = distance * ROPE_THETA ** (-2 * i / size)
        key[i] = _LOOK_BACK_SCALE
        query[i] = _LOOK_BACK_SCALE * math.cos(angle)
        query[i + size // 2] = -_LOOK_BACK_SCALE * math.sin(angle)
    attention.k_proj.bias[rows] = key
    attention.q_proj.bias[rows] = query
    attention.q_proj.weight[rows] *= 0.1
    attention.k_proj.weight[rows] *= 0.1


def _carry(attention: Any, head: int, size: int, *, source: Tensor, target: Tensor) -> None:
    """Make a head read one block where it attends and write it into another."""
    rows = _rows(head, size)
    attention.v_proj.weight[rows] = source.T
    attention.v_proj.bias[rows] = 0
    attention.o_proj.weight[:, rows] = target


def _compare(attention: Any, head: int, size: int, blocks: tuple[Tensor, Tensor, Tensor]) -> None:
    """Make a head attend where the token before equals this one, better still the two before."""
    here, one_back, two_back = blocks
    query, key = torch.zeros_like(here.T), torch.zeros_like(here.T)
    half, column = size // 2, 0
    for pair in range(min(_FIRST_SLOW_PAIR, half - 1), half):
        is_for_one = pair < _FIRST_SLOW_PAIR + _NUM_PAIRS_FOR_ONE
        for row in (pair, pair + half):
            query[row] = here[:, column] if is_for_one else one_back[:, column] / 2
            key[row] = one_back[:, column] if is_for_one else two_back[:, column]
            column += 1
    rows = _rows(head, size)
    attention.q_proj.weight[rows] = query * _SHARPNESS
    attention.k_proj.weight[rows] = key
    attention.q_proj.bias[rows] = 0
    attention.k_proj.bias[rows] = 0
