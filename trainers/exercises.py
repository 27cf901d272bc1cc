"""Generic exercises that teach a small transformer to look things up on a page and to copy them.

They stand in for the pretraining that a downloaded checkpoint would have had. Every word is drawn
at random: no exercise holds a goal, a page, an action name or an oracle trace of any task. Random
tokens in which one segment comes twice form induction heads (Olsson et al. 2022, arXiv:2209.11895);
made-up pages, each with several questions, teach to use them.
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
class Piece:
    """Part of an exercise's text.

    Attributes:
        text: The part; begins with a space or a line break unless it is the first.
        is_sure: Whether it follows from the parts before it, so that it can be asked for.
    """

    text: str
    is_sure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One element of a made-up page."""

    role: str
    name: str
    ref: str
    rest: str

    def __str__(self) -> str:
        return f"{self.role} {self.name} {self.ref}{self.rest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """Random token ids in which parts of one segment come again and again.

    Attributes:
        ids: The tokens.
        is_sure: Whether the token follows from those before it; one entry a token.
    """

    ids: tuple[int, ...]
    is_sure: tuple[bool, ...]


Question = Callable[[random.Random, Sequence[str], Sequence[Line], Sequence[str]], list[Piece]]
"""Asks something of a page and its files, and answers it."""


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


def point(
    rng: random.Random, words: Sequence[str], lines: Sequence[Line], files: Sequence[str]
) -> list[Piece]:
    """Ask for name and ref of the element that the goal names after a given word, and its value."""
    del files
    target, marker = rng.choice(lines), rng.choice(words)
    value = f" {_value(rng, words)}" if rng.random() < 0.4 else ""
    return [
        _goal(rng, words, f"{marker} {target.name}{value}"),
        Piece(text=f" {marker}"),
        Piece(text=f" {target.name} {target.ref}{value}", is_sure=True),
    ]


def look_up(
    rng: random.Random, words: Sequence[str], lines: Sequence[Line], files: Sequence[str]
) -> list[Piece]:
    """Ask for the ref of an element that the answer itself names, then for a value of the goal."""
    del files
    target, value = rng.choice(lines), _value(rng, words)
    first, _, rest = value.partition(" ")
    return [
        _goal(rng, words, value),
        Piece(text=f" {rng.choice(words)} {target.name}"),
        Piece(text=f" {target.ref}", is_sure=True),
        Piece(text=f" {first}"),
        Piece(text=f" {rest}" if rest else "", is_sure=True),
    ]


def recall(
    rng: random.Random, words: Sequence[str], lines: Sequence[Line], files: Sequence[str]
) -> list[Piece]:
    """Ask for the value of the goal that stands after a given word."""
    del lines, files
    keys = rng.sample(words, 3)
    values = [_value(rng, words) for _ in keys]
    chosen = rng.randrange(3)
    pairs = f" {rng.choice(words)} ".join(f"{k} {v}" for k, v in zip(keys, values, strict=True))
    return [
        Piece(text=f"\ngoal {pairs}\n>"),
        Piece(text=f" {keys[chosen]}"),
        Piece(text=f" {values[chosen]}", is_sure=True),
    ]


def path(
    rng: random.Random, words: Sequence[str], lines: Sequence[Line], files: Sequence[str]
) -> list[Piece]:
    """Ask for the path of the file that the goal names after a given word, as the files have it."""
    del lines
    target, marker = rng.choice(files), rng.choice(words)
    last = f" {rng.choice(words)}"
    return [
        _goal(rng, words, f"{marker} {target.partition('/')[2]}{last}"),
        Piece(text=f" {marker}"),
        Piece(text=f" {target}{last}", is_sure=True),
    ]


QUESTIONS: tuple[Question, ...] = (point, point, look_up, recall, path)


def exercise(
    rng: random.Random,
    words: Sequence[str],
    *,
    size: int,
    num_questions: int,
    only: Question | None = None,
) -> list[list[Piece]]:
    """Draw a page and questions about it; one list of pieces for each, the first with the page.

    Args:
        rng: Draws.
        words: To draw from.
        size: Elements of the page, about.
        num_questions: Questions.
        only: Ask only this one; any when None.
    """
    lines = _page(rng, words, size)
    stems = rng.sample(words, rng.randint(1, 3))
    folders = rng.sample(words, 2)
    files = [f"{rng.choice(folders)}/{s.lower()}.{rng.choice(EXTENSIONS)}" for s in stems]
    noise = [f"{rng.choice(words)} {rng.choice(words)}" for _ in range(rng.randint(0, 2))]
    page = "\n".join([" ".join(["files", *files]), *map(str, lines), *noise])
    asked = [
        (only or rng.choice(QUESTIONS))(rng, words, lines, files) for _ in range(num_questions)
    ]
    return [[Piece(text=page), *asked[0]], *asked[1:]]


def _page(rng: random.Random, words: Sequence[str], size: int) -> list[Line]:
    """Draw elements whose names share words, so that one word may not be enough.

    No name is part of another, so that a whole name always is.
    """
    pool = rng.sample(words, size + 3)
    names: list[tuple[str, ...]] = []
    for _ in range(size):
        name = tuple(rng.sample(pool, rng.choice((1, 1, 2, 2, 3))))
        if rng.random() < 0.2:
            name = (name[0], str(rng.randrange(100, 1000)))
        if not any(set(name) <= set(other) or set(other) <= set(name) for other in names):
            names.append(name)
    first = rng.randint(1, 5)
    return [
        Line(
            role=rng.choice(ROLES),
            name=" ".join(name),
            ref=f"e{first + i}",
            rest=rng.choice(STATES) or rng.choice(("", "", f" {rng.choice(words)}")),
        )
        for i, name in enumerate(names)
    ]


def _value(rng: random.Random, words: Sequence[str]) -> str:
    kind = rng.randrange(4)
    if kind == 0:
        return str(rng.randrange(100, 1000))
    if kind == 1:
        return f"{rng.choice(words).lower()}@corp.test"
    return " ".join(rng.sample(words, rng.randint(1, 2)))


def _goal(rng: random.Random, words: Sequence[str], core: str) -> Piece:
    before = [rng.choice(words) for _ in range(rng.randint(0, 7))]
    after = [rng.choice(words) for _ in range(rng.randint(0, 5))]
    end = rng.choice(("", "", ".", ","))
    return Piece(text="\ngoal " + " ".join([*before, core]) + " ".join([end, *after]) + "\n>")
