"""Engines: what turns token ids into token ids and log-probs. This file needs no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class FinishReason(StrEnum):
    """Why a generation ended."""

    STOP = "stop"
    LENGTH = "length"


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingParams:
    """How to sample.

    Attributes:
        temperature: Divides the logits; 0 takes the most likely token.
        max_new_tokens: At most this many tokens.
        seed: Seeds the request's own random generator.
    """

    temperature: float = 1.0
    max_new_tokens: int = 64
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What an engine sampled.

    Attributes:
        ids: The new token ids, the stop token included.
        logprobs: Log-probability of each under the sampling distribution, in nats.
        finish_reason: Stop token or length.
        version: The weights' version that sampled it.
    """

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish_reason: FinishReason
    version: int


class Engine(Protocol):
    """Samples from a language model; requests that wait together are served together."""

    async def generate(self, ids: Sequence[int], params: SamplingParams) -> Generation:
        """Sample a continuation of `ids`."""
        ...
