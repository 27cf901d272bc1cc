"""A space of texts: any Unicode, which Gymnasium's own `Text` does not allow."""

from typing import Any

import gymnasium


class TextSpace(gymnasium.Space[str]):
    """All strings up to a length.

    Args:
        max_length: In characters.
        samples: What `sample` draws from.
    """

    def __init__(
        self, max_length: int = 1_000_000, samples: tuple[str, ...] = ("", "text", "Grüße")
    ) -> None:
        super().__init__(shape=None, dtype=None)
        self.max_length = max_length
        self.samples = samples

    @property
    def is_np_flattenable(self) -> bool:
        """Texts have no numeric form."""
        return False

    def sample(self, mask: Any = None, probability: Any = None) -> str:  # noqa: ARG002
        """Draw one of the sample texts."""
        return str(self.samples[int(self.np_random.integers(len(self.samples)))])

    def contains(self, x: Any) -> bool:
        """Say whether `x` is a string that is not too long."""
        return isinstance(x, str) and len(x) <= self.max_length

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TextSpace) and other.max_length == self.max_length

    def __hash__(self) -> int:
        return hash(("TextSpace", self.max_length))

    def __repr__(self) -> str:
        return f"TextSpace({self.max_length})"
