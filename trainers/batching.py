"""Samples as tensors: weights first, then micro-batches of similar length.

Axes: R samples of a micro-batch, T tokens, padded on the left, so that the trained tokens of
one-turn samples stand together at the end and only their logits need computing.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cairn.trainers.algorithm import Aggregation
from cairn.trainers.samples import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroBatch:
    """A padded part of a batch; every tensor has shape (R, T).

    Attributes:
        ids_RT: Token ids; 0 where padded.
        attention_RT: 1 where there is a token.
        position_RT: Position of each token in its sample.
        is_trained_RT: Whether the token is trained.
        logprob_RT: Behaviour log-probs.
        advantage_RT: Advantages.
        weight_RT: Weight of each token in the loss; 0 where not trained.
        index_R: Where each sample stands in the batch.
        num_kept: Trained tokens are among the last so many.
    """

    ids_RT: Tensor
    attention_RT: Tensor
    position_RT: Tensor
    is_trained_RT: Tensor
    logprob_RT: Tensor
    advantage_RT: Tensor
    weight_RT: Tensor
    index_R: tuple[int, ...]
    num_kept: int


def token_weights(
    samples: Sequence[Sample], aggregation: Aggregation, *, fixed_tokens: float = 1.0
) -> list[float]:
    """Return, for each sample, the weight of each of its trained tokens.

    The denominators are those of the whole batch, so the split into micro-batches changes nothing.

    Args:
        samples: The batch of one optimiser step.
        aggregation: See `Aggregation`.
        fixed_tokens: Length that `fixed` divides by.
    """
    tokens_of: Counter[int] = Counter()
    for sample in samples:
        tokens_of[sample.episode] += sample.num_trained
    if aggregation is Aggregation.TOKEN:
        return [1 / tokens_of.total()] * len(samples)
    if aggregation is Aggregation.EPISODE:
        return [1 / (len(tokens_of) * tokens_of[sample.episode]) for sample in samples]
    return [1 / (len(tokens_of) * fixed_tokens)] * len(samples)


def micro_batches(
    samples: Sequence[Sample],
    weights: Sequence[float],
    *,
    max_tokens: int,
    device: torch.device | None = None,
) -> list[MicroBatch]:
    """Sort samples by length and cut them where `max_tokens` padded tokens are reached.

    A sample longer than that gets a micro-batch of its own.
    """
    order = sorted(range(len(samples)), key=lambda i: (len(samples[i].ids), i))
    parts: list[list[int]] = []
    for i in order:
        if not parts or (len(parts[-1]) + 1) * len(samples[i].ids) > max_tokens:
            parts.append([])
        parts[-1].append(i)
    return [
        _padded([samples[i] for i in part], [weights[i] for i in part], part, device)
        for part in parts
    ]


def _padded(
    samples: Sequence[Sample],
    weights: Sequence[float],
    index: Sequence[int],
    device: torch.device | None,
) -> MicroBatch:
    width = max(len(sample.ids) for sample in samples)
    gaps = [width - len(sample.ids) for sample in samples]
    rows = list(zip(gaps, samples, strict=True))
    is_trained_RT = torch.tensor([[False] * gap + list(s.is_trained) for gap, s in rows])
    weight_R1 = torch.tensor(weights)[:, None]
    attention_RT = torch.tensor([[0] * gap + [1] * len(s.ids) for gap, s in rows])
    first_trained = min(gap + s.is_trained.index(True) for gap, s in rows)
    return MicroBatch(
        ids_RT=torch.tensor([[0] * gap + list(s.ids) for gap, s in rows]).to(device),
        attention_RT=attention_RT.to(device),
        position_RT=(attention_RT.cumsum(dim=1) - 1).clamp(min=0).to(device),
        is_trained_RT=is_trained_RT.to(device),
        logprob_RT=torch.tensor([[0.0] * gap + list(s.logprobs) for gap, s in rows]).to(device),
        advantage_RT=torch.tensor([[0.0] * gap + list(s.advantages) for gap, s in rows]).to(device),
        weight_RT=torch.where(is_trained_RT, weight_R1, 0.0).to(device),
        index_R=tuple(index),
        num_kept=width - first_trained,
    )
