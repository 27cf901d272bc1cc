"""Page text made shorter: within a budget of tokens, or only what changed."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

_TOKEN = re.compile(r"\w{1,5}|[^\w\s]")
_REF = " [ref="
_TELLING = ("heading", "alert", "status", "dialog", "alertdialog", "columns")
_MIN_FOLD = 3


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a language model's tokenizer makes of a text.

    Each started five letters of a word and each sign count one, which is rarely less than a real
    tokenizer makes of English.

    >>> estimate_tokens('- button "Notifications" [ref=e12]')
    12
    """
    return sum(1 for _ in _TOKEN.finditer(text))


def prune(page: str, max_tokens: int) -> str:
    """Shorten a page to a budget and say what was left out.

    What can be acted on is kept longest, then headings and notices, then the rest; of each the
    first.
    """
    if estimate_tokens(page) <= max_tokens:
        return page
    lines = page.splitlines()
    kept: set[int] = set()
    room = max_tokens - estimate_tokens(_left_out(len(lines), len(lines)))
    for number in sorted(range(len(lines)), key=lambda i: (_rank(lines[i]), i)):
        cost = estimate_tokens(lines[number])
        if cost <= room:
            kept.add(number)
            room -= cost
    dropped = [lines[number] for number in range(len(lines)) if number not in kept]
    num_elements = sum(_REF in line for line in dropped)
    shown = [lines[number] for number in sorted(kept)]
    return "\n".join([*shown, _left_out(len(dropped) - num_elements, num_elements)])


def changes(old: str, new: str) -> str:
    """Return what became of a page: `+` lines came, `-` lines went, runs that stayed are folded.

    >>> print(changes("", "- alert: No"))
    + alert: No
    """
    before, after = old.splitlines(), new.splitlines()
    told: list[str] = []
    for kind, i, end_i, j, end_j in SequenceMatcher(None, before, after, False).get_opcodes():
        if kind == "equal":
            told += _folded("=", after[j:end_j])
            continue
        told += _folded("-", before[i:end_i])
        told += [f"+ {_plain(line)}" for line in after[j:end_j]]
    return "\n".join(told)


def _left_out(num_lines: int, num_elements: int) -> str:
    return f"(left out for length: {num_lines} lines of text, {num_elements} elements)"


def _rank(line: str) -> int:
    if _REF in line:
        return 0
    return 1 if line.lstrip(" -").startswith(_TELLING) else 2


def _folded(sign: str, lines: Sequence[str]) -> list[str]:
    if len(lines) < _MIN_FOLD:
        return [f"{sign} {_plain(line)}" for line in lines]
    return [
        f"{sign} {len(lines)} lines: {_plain(lines[0]).strip()} ... {_plain(lines[-1]).strip()}"
    ]


def _plain(line: str) -> str:
    """Return a line without its bullet, so that only one sign stands before it."""
    return line.replace("- ", "", 1)
