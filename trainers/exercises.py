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
STATES = ("", "", "", "current", "checked")
EXTENSIONS = ("csv", "json", "txt", "pdf")
JOINTS = (", ", " and ", ", then ")


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
    """One element of a made-up page.

    Attributes:
        role: What it is.
        name: What it is called.
        number: Last part of the name, which a goal leaves out; empty for most.
        ref: What an answer calls it by.
        state: Such as `checked`; empty for most.
        value: What it holds; empty for most.
    """

    role: str
    name: str
    number: str
    ref: str
    state: str
    value: str

    @property
    def pointer(self) -> str:
        """What an answer says to mean it."""
        return " ".join(filter(None, (self.name, self.number, self.ref)))

    def __str__(self) -> str:
        return " ".join(filter(None, (self.role, self.pointer, self.state, self.value)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A made-up page with the files beside it.

    Attributes:
        lines: Its elements.
        folders: Names of folders.
        files: Paths of files, each in one of the folders.
        text: All of it, with elements that have no ref.
    """

    lines: tuple[Line, ...]
    folders: tuple[str, ...]
    files: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """Random token ids in which parts of one segment come again and again.

    Attributes:
        ids: The tokens.
        is_sure: Whether the token follows from those before it; one entry a token.
    """

    ids: tuple[int, ...]
    is_sure: tuple[bool, ...]


Question = Callable[[random.Random, Sequence[str], Page], list[Piece]]
"""Asks something of a page and answers it."""


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


def point(rng: random.Random, words: Sequence[str], page: Page) -> list[Piece]:
    """Ask for the element that the goal names after a given word, and for its value."""
    target, marker = rng.choice(page.lines), rng.choice(words)
    value = f" {_value(rng, words)}" if rng.random() < 0.4 else ""
    return [
        _goal(rng, words, f"{marker} {target.name}{value}"),
        Piece(text=f" {marker}"),
        Piece(text=f" {target.pointer}{value}", is_sure=True),
    ]


def find(rng: random.Random, words: Sequence[str], page: Page) -> list[Piece]:
    """Ask for the only element that the goal names, wherever it does."""
    target = rng.choice(page.lines)
    return [
        _goal(rng, words, target.name),
        Piece(text=f" {rng.choice(words)}"),
        Piece(text=f" {target.pointer}", is_sure=True),
    ]


def look_up(rng: random.Random, words: Sequence[str], page: Page) -> list[Piece]:
    """Ask for the ref of an element that the answer itself names, then for a value of the goal."""
    target, value = rng.choice(page.lines), _value(rng, words)
    first, _, rest = value.partition(" ")
    return [
        _goal(rng, words, value),
        Piece(text=f" {rng.choice(words)} {target.name}"),
        Piece(text=target.pointer.removeprefix(target.name), is_sure=True),
        Piece(text=f" {first}"),
        Piece(text=f" {rest}" if rest else "", is_sure=True),
    ]


def recall(rng: random.Random, words: Sequence[str], page: Page) -> list[Piece]:
    """Ask for the value of the goal that stands after a given word."""
    del page
    keys = rng.sample(words, 3)
    values = [_value(rng, words) for _ in keys]
    chosen = rng.randrange(3)
    pairs = f" {rng.choice(words)} ".join(f"{k} {v}" for k, v in zip(keys, values, strict=True))
    return [
        Piece(text=f"\ngoal {pairs}\n>"),
        Piece(text=f" {keys[chosen]}"),
        Piece(text=f" {values[chosen]}", is_sure=True),
    ]


def path(rng: random.Random, words: Sequence[str], page: Page) -> list[Piece]:
    """Ask for the path of the file that the goal names, and for the folder that it names too."""
    target, marker, folder = rng.choice(page.files), rng.choice(words), rng.choice(page.folders)
    named = rng.choice((target, target.partition("/")[2]))
    return [
        _goal(rng, words, f"{marker} {named} {_filler(rng, words, 1, 4)} {folder}"),
        Piece(text=f" {marker}"),
        Piece(text=f" {target} {folder}", is_sure=True),
    ]


def report(rng: random.Random, words: Sequence[str], page: Page) -> list[Piece]:
    """Ask for the number that ends the last result."""
    number = str(rng.randrange(100, 1000))
    result = f"{_filler(rng, words, 1, 2)} {number}"
    return [
        Piece(text=f"\ngot {result}"),
        _goal(rng, words, rng.choice(page.lines).name),
        Piece(text=f" {rng.choice(words)}"),
        Piece(text=f" {number}", is_sure=True),
    ]


def proceed(rng: random.Random, words: Sequence[str], page: Page) -> list[Piece]:
    """Ask for the step of the goal after the last one that is done; lines before it say which."""
    if len(page.lines) < 2:
        return point(rng, words, page)
    steps = [
        (line, line.value or rng.choice(("", _value(rng, words))))
        for line in rng.sample(page.lines, min(len(page.lines), rng.randint(2, 4)))
    ]
    num_done = rng.randint(1, len(steps) - 1)
    told = [f"{line.name}{value and f' {value}'}" for line, value in steps]
    goal = told[0] + "".join(rng.choice(JOINTS) + step for step in told[1:])
    target, value = steps[num_done]
    return [
        Piece(text="".join(f"\ndid {step}" for step in told[:num_done][-2:])),
        _goal(rng, words, goal),
        Piece(text=f" {rng.choice(words)}"),
        Piece(text=f" {target.pointer}{value and f' {value}'}", is_sure=True),
    ]


QUESTIONS: tuple[Question, ...] = (point, find, look_up, recall, path, report, proceed)
SHARES = (3, 3, 2, 1, 2, 1, 3)


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
    page = _page(rng, words, size)
    questions = [only] * num_questions if only else rng.choices(QUESTIONS, SHARES, k=num_questions)
    asked = [question(rng, words, page) for question in questions]
    return [[Piece(text=page.text), *asked[0]], *asked[1:]]


def _page(rng: random.Random, words: Sequence[str], size: int) -> Page:
    folders = tuple(rng.sample(words, rng.randint(2, 4)))
    stems = rng.sample(words, rng.randint(1, 3))
    file_names = {f"{rng.choice(stems).lower()}.{rng.choice(EXTENSIONS)}" for _ in range(3)}
    files = tuple(f"{rng.choice(folders)}/{name}" for name in sorted(file_names))
    first = rng.randint(1, 5)
    lines = tuple(
        Line(
            role=rng.choice(ROLES),
            name=name,
            number=str(rng.randrange(100, 1000)) if rng.random() < 0.25 else "",
            ref=f"e{first + i}",
            state=rng.choice(STATES),
            value=_value(rng, words) if rng.random() < 0.3 else "",
        )
        for i, name in enumerate(_names(rng, words, size))
    )
    shown = [*map(str, lines)]
    for _ in range(rng.randint(0, 3)):
        # An element without a ref; its name may be that of another, as a heading's often is.
        name = rng.choice(lines).name if rng.random() < 0.5 else _filler(rng, words, 1, 3)
        shown.insert(rng.randint(0, len(shown)), f"{rng.choice(ROLES)} {name}")
    listed = sorted({*(f"{folder}/" for folder in folders), *files})
    return Page(
        lines=lines,
        folders=folders,
        files=files,
        text="\n".join([" ".join(["files", *listed]), *shown]),
    )


def _names(rng: random.Random, words: Sequence[str], size: int) -> list[str]:
    """Draw names that share words, so that one word may not be enough.

    On half of the pages most names have all but one word in common with others, as titles, files
    and people often have. No name is part of another, so that a whole name always is.
    """
    if rng.random() < 0.5:
        names = _similar_names(rng, words, size)
    else:
        names = _mixed_names(rng, words, size)
    kept: list[str] = []
    for name in names:
        parts = set(name.split())
        if not any(parts <= set(other.split()) or parts >= set(other.split()) for other in kept):
            kept.append(name)
    return kept


def _mixed_names(rng: random.Random, words: Sequence[str], size: int) -> list[str]:
    heads, middles, tails = (rng.sample(words, max(2, size // 3)) for _ in range(3))
    alone, link = rng.sample(words, size), rng.choice(words)
    names = []
    for i in range(size):
        head, middle, tail = map(rng.choice, (heads, middles, tails))
        file = f"{head.lower()}.{rng.choice(EXTENSIONS)}"
        name = rng.choice(
            (
                alone[i],
                f"{head} {tail}",
                f"{head} {middle} {tail}",
                f"{head} {middle} {link} {tail}",
                file,
            )
        )
        names.append(name)
    return names


def _similar_names(rng: random.Random, words: Sequence[str], size: int) -> list[str]:
    """Draw pairs of a first and a last word, with the same words between on all of the page."""
    num_heads = rng.randint(2, max(2, size // 2))
    num_tails = max(2, -(-size // num_heads))
    heads = rng.sample(words, num_heads)
    if rng.random() < 0.25 and num_tails <= len(EXTENSIONS):
        heads = [head.lower() for head in heads]
        joint, tails = ".", rng.sample(EXTENSIONS, num_tails)
    else:
        tails = rng.sample(words, num_tails)
        joint = f" {''.join(f'{word} ' for word in rng.sample(words, rng.randint(0, 2)))}"
    pairs = [f"{head}{joint}{tail}" for head in heads for tail in tails]
    return rng.sample(pairs, min(size, len(pairs)))


def _value(rng: random.Random, words: Sequence[str]) -> str:
    kind = rng.randrange(4)
    if kind == 0:
        return str(rng.randrange(100, 1000))
    if kind == 1:
        return f"{rng.choice(words).lower()}@corp.test"
    return " ".join(rng.sample(words, rng.randint(1, 2)))


def _filler(rng: random.Random, words: Sequence[str], least: int, most: int) -> str:
    return " ".join(rng.choice(words) for _ in range(rng.randint(least, most)))


def _goal(rng: random.Random, words: Sequence[str], core: str) -> Piece:
    before, end = _filler(rng, words, 0, 6), rng.choice(("", "", ".", ","))
    parts = [before, core + end, _filler(rng, words, 0, 4)]
    return Piece(text=f"\ngoal {' '.join(filter(None, parts))}\n>")
