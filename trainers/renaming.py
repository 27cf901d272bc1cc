"""Renaming: one demonstration stands for many, told with other names and numbers.

A small model that sees two dozen demonstrations learns their words by heart. When the words that an
action takes from the goal, and the numbers that it takes from the page, are exchanged for others
throughout prompt and action, what stays is where they were copied from.
"""

import random
import re
from collections.abc import Sequence
from typing import Any

from cairn.trainers.samples import Sample, demonstration_sample

_COPIED = re.compile(r"[A-Za-z]{2,}|[0-9]{2,}")
_GOAL = re.compile(r"^goal .*$", re.MULTILINE)


class Renamer:
    """Tells samples of the plain prompt style with other words.

    Args:
        tokenizer: The model's own, lossless.
        share: Probability with which each copied word is exchanged.
    """

    def __init__(self, tokenizer: Any, *, share: float) -> None:
        self._tokenizer = tokenizer
        self._share = share
        known = (tokenizer.decode([token]) for token in range(len(tokenizer)))
        self._words = sorted({word[1:] for word in known if re.fullmatch(r" [A-Z][a-z]{2,}", word)})

    def rename(self, sample: Sample, rng: random.Random) -> Sample:
        """Return the sample with some of its copied words exchanged; it must be one turn."""
        start = sample.is_trained.index(True)
        prompt = self._tokenizer.decode(sample.ids[:start])
        action = self._tokenizer.decode(sample.ids[start:-1])
        for word in _copied_words(prompt, action):
            if rng.random() < self._share:
                other = self._other(word, prompt, rng)
                prompt, action = (_exchange(text, word, other) for text in (prompt, action))
        ids = [self._tokenizer.encode(text, add_special_tokens=False) for text in (prompt, action)]
        return demonstration_sample(ids[0], [*ids[1], sample.ids[-1]], episode=sample.episode)

    def _other(self, word: str, prompt: str, rng: random.Random) -> str:
        """Draw a word or number that the prompt does not hold yet."""
        present = prompt.casefold()
        while True:
            if word.isdigit():
                other = str(rng.randrange(10 ** (len(word) - 1), 10 ** len(word)))
            else:
                other = rng.choice(self._words)
            if other.casefold() not in present:
                return other


def _copied_words(prompt: str, action: str) -> Sequence[str]:
    """Return the action's words that stand in the goal, and its numbers that stand anywhere."""
    goal = " ".join(_GOAL.findall(prompt))
    verb, _, rest = action.strip().partition(" ")
    copied = []
    for word in dict.fromkeys(_COPIED.findall(rest)):
        where = prompt if word.isdigit() else goal
        if word != verb and re.search(_whole(word), where, re.IGNORECASE):
            copied.append(word)
    return copied


def _exchange(text: str, word: str, other: str) -> str:
    def same_case(match: re.Match[str]) -> str:
        return other.lower() if match.group().islower() else other

    return re.sub(_whole(word), same_case, text, flags=re.IGNORECASE)


def _whole(word: str) -> str:
    return rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])"
