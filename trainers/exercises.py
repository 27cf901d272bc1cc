"""Generic exercises that teach a small transformer to look things up on a page and to copy them.

They stand in for the pretraining that a downloaded checkpoint would have had. Every word is drawn
at random: no exercise holds a goal, a page or an oracle trace of any task. `repeats`, random tokens
in which parts of a segment come again, forms induction heads (Olsson et al. 2022,
arXiv:2209.11895); behaviour cloning alone does not, for minutes.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

ROLES = (
    "button", "cell", "checkbox", "combobox", "dialog", "heading", "link", "list", "menu", "option",
    "row", "status", "switch", "tab", "table", "text", "textbox",
)  # fmt: skip
STATES = ("", "", "", " current", " checked")
EXTENSIONS = ("csv", "json", "txt", "pdf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """A text to continue.

    Attributes:
        prompt: What is given.
        answer: What must follow; begins with a space.
    """

    prompt: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One element of a made-up page."""

    role: str
    name: tuple[str, ...]
    ref: str
    value: str

    def __str__(self) -> str:
        return " ".join([self.role, *self.name, self.ref]) + self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """Random token ids in which parts of one segment come again and again.

    Attributes:
        ids: The tokens.
        is_sure: Whether the token follows from those before it; one entry a token.
    """

    ids: tuple[int, ...]
    is_sure: tuple[bool, ...]


def repeats(rng: random.Random, num_tokens: int, *, length: int = 60) -> Repeats:
    """Draw a segment and repeat parts of it after gaps of random tokens.

    The gaps vary: with a fixed one the heads learn the distance, not the content.
    """
    segment = [rng.randrange(num_tokens) for _ in range(rng.randint(4, 14))]
    ids, is_sure = list(segment), [False] * len(segment)
    while len(ids) < length:
        gap = [rng.randrange(num_tokens) for _ in range(rng.randint(0, 6))]
        start = rng.randint(0, len(segment) - 3)
        part = segment[start : rng.randint(start + 2, len(segment))]
        ids += gap + part
        is_sure += [False] * (len(gap) + 1) + [True] * (len(part) - 1)
    return Repeats(ids=tuple(ids), is_sure=tuple(is_sure))


def look_up(rng: random.Random, words: Sequence[str], size: int) -> Exercise:
    """Ask for the ref of the element whose name stands before the end."""
    lines = _page(rng, words, size)
    target = rng.choice(lines)
    goal = _noisy(rng, words, rng.choice(words), size)
    prompt = _text(goal, lines, last=" ".join(target.name))
    return Exercise(prompt=prompt, answer=f" {target.ref}")


def recall(rng: random.Random, words: Sequence[str], size: int) -> Exercise:
    """Ask for what the goal says after the word that stands before the end."""
    keys = rng.sample(words, 3)
    values = [_value(rng, words) for _ in keys]
    pairs = [f"{key} {value}" for key, value in zip(keys, values, strict=True)]
    goal = f" {rng.choice(words)} ".join(pairs)
    chosen = rng.randrange(3)
    prompt = _text(goal, _page(rng, words, size), last=keys[chosen])
    return Exercise(prompt=prompt, answer=f" {values[chosen]}")


def hop(rng: random.Random, words: Sequence[str], size: int) -> Exercise:
    """Ask for the ref of the element that the goal names after the word before the end."""
    lines = _page(rng, words, size)
    target, marker = rng.choice(lines), rng.choice(words)
    goal = _noisy(rng, words, " ".join([marker, *target.name]), size)
    return Exercise(prompt=_text(goal, lines, last=marker), answer=f" {target.ref}")


def locate(rng: random.Random, words: Sequence[str], size: int) -> Exercise:
    """Ask for the ref of the element named before the end and for the value that the goal has."""
    lines = _page(rng, words, size)
    target = rng.choice(lines)
    name, value = " ".join(target.name), _value(rng, words)
    goal = _noisy(rng, words, f"{name} {value}", size)
    return Exercise(prompt=_text(goal, lines, last=name), answer=f" {target.ref} {value}")


def follow(rng: random.Random, words: Sequence[str], size: int) -> Exercise:
    """Ask for what the page has after the word that the goal has after the one before the end."""
    names = [(word, str(rng.randrange(100, 1000))) for word in rng.sample(words, size)]
    lines = [
        Line(role=rng.choice(ROLES), name=name, ref=f"e{1 + i}", value="")
        for i, name in enumerate(names)
    ]
    target, marker = rng.choice(lines), rng.choice(words)
    goal = _noisy(rng, words, f"{marker} {target.name[0]}", size)
    return Exercise(prompt=_text(goal, lines, last=marker), answer=f" {target.name[1]}")


def path(rng: random.Random, words: Sequence[str], size: int) -> Exercise:
    """Ask for the path of the file that the goal has after the word before the end."""
    folders, stems = rng.sample(words, 3), rng.sample(words, 3)
    files = [f"{rng.choice(folders)}/{stem.lower()}.{rng.choice(EXTENSIONS)}" for stem in stems]
    target, marker = rng.choice(files), rng.choice(words)
    shown = target if rng.random() < 0.5 else target.partition("/")[2]
    goal = _noisy(rng, words, f"{marker} {shown}", size)
    lines = _page(rng, words, max(2, size // 2))
    return Exercise(prompt=_text(goal, lines, files=files, last=marker), answer=f" {target}")


KINDS: tuple[Callable[[random.Random, Sequence[str], int], Exercise], ...] = (
    look_up,
    recall,
    hop,
    locate,
    follow,
    path,
)


def _page(rng: random.Random, words: Sequence[str], size: int) -> list[Line]:
    """Draw up to `size` elements whose names share words, so that one word may not be enough.

    No name is part of another, so that a whole name always is.
    """
    pool = rng.sample(words, size + 3)
    names: list[tuple[str, ...]] = []
    for _ in range(size):
        name = tuple(rng.sample(pool, rng.choice((1, 1, 2, 2, 3))))
        if not any(set(name) <= set(other) or set(other) <= set(name) for other in names):
            names.append(name)
    first = rng.randint(1, 5)
    return [
        Line(
            role=rng.choice(ROLES),
            name=name,
            ref=f"e{first + i}",
            value=rng.choice(STATES) or rng.choice(("", "", f" {rng.choice(words)}")),
        )
        for i, name in enumerate(names)
    ]


def _value(rng: random.Random, words: Sequence[str]) -> str:
    kind = rng.randrange(4)
    if kind == 0:
        return str(rng.randrange(100, 1000))
    if kind == 1:
        return (
            f"{rng.choice(words).lower()}@{rng.choice(words).lower()}.{rng.choice(words).lower()}"
        )
    return " ".join(rng.sample(words, rng.randint(1, 2)))


def _noisy(rng: random.Random, words: Sequence[str], core: str, size: int) -> str:
    before = [rng.choice(words) for _ in range(rng.randint(0, size))]
    after = [rng.choice(words) for _ in range(rng.randint(0, size))]
    return " ".join([*before, core]) + " ".join([rng.choice(("", "", ".", ",")), *after])


def _text(goal: str, lines: Sequence[Line], *, last: str, files: Sequence[str] = ()) -> str:
    head = [f"goal {goal}", *([" ".join(["files", *files])] if files else [])]
    return "\n".join([*head, *map(str, lines), f"> {last}"])
