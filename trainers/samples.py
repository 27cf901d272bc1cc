"""From episodes to token sequences: what was sampled, and nothing else, is trained on.

Axes: T tokens of a sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cairn.agents.trajectory import Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A token sequence to train on; all tuples have one entry a token.

    Attributes:
        ids: Token ids, as the model saw and sampled them.
        is_trained: Whether the model sampled the token.
        logprobs: Behaviour log-probability; 0 where the token is not trained.
        advantages: 0 where the token is not trained.
        episode: Which episode of the batch it comes from; its samples share a weight.
    """

    ids: tuple[int, ...]
    is_trained: tuple[bool, ...]
    logprobs: tuple[float, ...]
    advantages: tuple[float, ...]
    episode: int

    def __post_init__(self) -> None:
        lengths = {len(self.ids), len(self.is_trained), len(self.logprobs), len(self.advantages)}
        if len(lengths) != 1:
            raise ValueError(
                f"sample: ids, mask, logprobs and advantages differ in length {lengths}"
            )
        if not any(self.is_trained) or self.is_trained[0]:
            raise ValueError("sample: some token must be trained, and the first one cannot be")

    @property
    def num_trained(self) -> int:
        """Number of tokens that the model sampled."""
        return sum(self.is_trained)


def samples_of(
    turns: Sequence[Turn], *, advantage_per_turn: Sequence[float], episode: int
) -> list[Sample]:
    """Join an episode's turns into as few samples as possible (the branch rule).

    A turn extends the current sample only if its prompt begins with that sample's ids; otherwise
    it starts a new one. Every sampled token is thus trained exactly once, with the context it was
    sampled in, whatever the history policy leaves out. Turns without a model are skipped.

    Args:
        turns: The episode's turns, in order.
        advantage_per_turn: One for each turn; its tokens all get it.
        episode: See `Sample`.

    Raises:
        ValueError: If the lengths differ.
    """
    samples: list[Sample] = []
    for turn, advantage in zip(turns, advantage_per_turn, strict=True):
        generation = turn.decision.generation
        if generation is None or not generation.ids:
            continue
        prompt = turn.decision.prompt_ids
        last = samples[-1] if samples else None
        extends = last is not None and prompt[: len(last.ids)] == last.ids
        start = samples.pop() if last is not None and extends else None
        samples.append(
            _extended(start, prompt, generation.ids, generation.logprobs, advantage, episode)
        )
    return samples


def demonstration_sample(
    prompt_ids: Sequence[int], action_ids: Sequence[int], *, episode: int
) -> Sample:
    """Return one turn of a demonstration as a sample; its behaviour log-probs are not known."""
    zeros = (0.0,) * len(action_ids)
    return _extended(None, tuple(prompt_ids), tuple(action_ids), zeros, 1.0, episode)


def _extended(
    start: Sample | None,
    prompt: tuple[int, ...],
    ids: tuple[int, ...],
    logprobs: tuple[float, ...],
    advantage: float,
    episode: int,
) -> Sample:
    new_context = prompt[len(start.ids) :] if start is not None else prompt
    gap = len(new_context)
    return Sample(
        ids=(start.ids if start else ()) + new_context + ids,
        is_trained=(start.is_trained if start else ()) + (False,) * gap + (True,) * len(ids),
        logprobs=(start.logprobs if start else ()) + (0.0,) * gap + logprobs,
        advantages=(start.advantages if start else ()) + (0.0,) * gap + (advantage,) * len(ids),
        episode=episode,
    )
