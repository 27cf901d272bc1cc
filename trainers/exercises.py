"""Generic exercises that teach a small transformer to look things up on a page and to copy them.

They stand in for the pretraining that a downloaded checkpoint would have had. Every word is drawn
at random: no exercise holds a goal, a page, an action name or an oracle trace of any task. The first
kind, random tokens in which one segment comes twice, forms induction heads (Olsson et al. 2022,
arXiv:2209.11895); behaviour cloning alone does not, for minutes (`docs/demo.md`).
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


def point(rng: random.Random, words: Sequence[str]) -> Exercise:
    """Ask for the ref of the one element whose whole name the goal repeats."""
    lines = _page(rng, words)
    target = rng.choice(lines)
    goal = _noisy(rng, words, " ".join(target.name))
    return Exercise(prompt=_text(rng, words, goal, lines), answer=f" {target.ref}")


def locate(rng: random.Random, words: Sequence[str]) -> Exercise:
    """Ask for the ref of an element named by the word before the end, then for what it should hold.

    The goal gives the element's name and, after it, the value.
    """
    lines = _page(rng, words)
    target = rng.choice(lines)
    value = _value(rng, words)
    goal = _noisy(rng, words, f"{' '.join(target.name)} {value}")
    return Exercise(prompt=_text(rng, words, goal, lines), answer=f" {target.ref} {value}")


def follow(rng: random.Random, words: Sequence[str]) -> Exercise:
    """Ask for what follows a name of the goal in its line of the page."""
    lines = _page(rng, words, num_values=1)
    target = rng.choice(lines)
    goal = _noisy(rng, words, target.name[0])
    return Exercise(prompt=_text(rng, words, goal, lines), answer=f" {target.name[1]}")


def recall(rng: random.Random, words: Sequence[str]) -> Exercise:
    """Ask for a value of the goal that stands after a given word."""
    keys = rng.sample(words, 3)
    values = [_value(rng, words) for _ in keys]
    pairs = [f"{key} {value}" for key, value in zip(keys, values, strict=True)]
    goal = f" {rng.choice(words)} ".join(pairs)
    chosen = rng.randrange(3)
    prompt = _text(rng, words, goal, _page(rng, words), last=keys[chosen])
    return Exercise(prompt=prompt, answer=f" {values[chosen]}")


def path(rng: random.Random, words: Sequence[str]) -> Exercise:
    """Ask for the path of a file of the goal, as the list of files has it."""
    folders, stems = rng.sample(words, 3), rng.sample(words, 3)
    files = [
        f"{rng.choice(folders)}/{stem.lower()}.{rng.choice(EXTENSIONS)}" for stem in stems
    ]
    target = rng.choice(files)
    goal = _noisy(rng, words, target.partition("/")[2])
    prompt = _text(rng, words, goal, _page(rng, words)[:4], files=files)
    return Exercise(prompt=prompt, answer=f" {target}")


KINDS: tuple[Callable[[random.Random, Sequence[str]], Exercise], ...] = (
    point,
    locate,
    follow,
    recall,
    path,
)


def _page(rng: random.Random, words: Sequence[str], *, num_values: int = 0) -> list[Line]:
    """Draw elements whose names share words, so that one word does not give the element away."""
    pool = rng.sample(words, rng.randint(6, 14))
    names: set[tuple[str, ...]] = set()
    if num_values:
        values = [str(rng.randrange(100, 1000)) for _ in pool]
        names = set(zip(pool, values, strict=True))
    else:
        for _ in range(rng.randint(3, 10)):
            names.add(tuple(rng.sample(pool, rng.choice((1, 1, 2, 2, 3)))))
    first = rng.randint(1, 5)
    return [
        Line(
            role=rng.choice(ROLES),
            name=name,
            ref=f"e{first + i}",
            value=rng.choice(STATES) or rng.choice(("", "", f" {rng.choice(words)}")),
        )
        for i, name in enumerate(sorted(names, key=lambda _: rng.random()))
    ]


def _value(rng: random.Random, words: Sequence[str]) -> str:
    kind = rng.randrange(4)
    if kind == 0:
        return str(rng.randrange(100, 1000))
    if kind == 1:
        return f"{rng.choice(words).lower()}@{rng.choice(words).lower()}.{rng.choice(words).lower()}"
    return " ".join(rng.sample(words, rng.randint(1, 2)))


def _noisy(rng: random.Random, words: Sequence[str], core: str) -> str:
    before = [rng.choice(words) for _ in range(rng.randint(0, 8))]
    after = [rng.choice(words) for _ in range(rng.randint(0, 8))]
    end = rng.choice(("", "", ".", ","))
    return " ".join([*before, core]) + " ".join([end, *after])


def _text(
    rng: random.Random,
    words: Sequence[str],
    goal: str,
    lines: Sequence[Line],
    *,
    files: Sequence[str] = (),
    last: str | None = None,
) -> str:
    """Write goal, noise and page; the answer follows a word that says nothing."""
    verb = rng.choice(words) if last is None else last
    noise = [f"{rng.choice(words)} {rng.choice(words)}" for _ in range(rng.randint(0, 2))]
    head = [f"goal {goal}", *([" ".join(["files", *files])] if files else []), *noise]
    return "\n".join([*head, *map(str, lines), f"> {verb}"])
