"""Keys of a US keyboard, as the protocol's key events want them."""

from string import ascii_uppercase
from typing import Any


def _key(code: str, number: int, *, key: str | None = None, text: str | None = None) -> Any:
    data = {"key": key or code, "code": code, "windowsVirtualKeyCode": number}
    return data if text is None else {**data, "text": text}


KEYS: dict[str, dict[str, Any]] = {
    "Enter": _key("Enter", 13, text="\r"),
    "Tab": _key("Tab", 9),
    "Escape": _key("Escape", 27),
    "Backspace": _key("Backspace", 8),
    "Delete": _key("Delete", 46),
    "Space": _key("Space", 32, key=" ", text=" "),
    "Home": _key("Home", 36),
    "End": _key("End", 35),
    "PageUp": _key("PageUp", 33),
    "PageDown": _key("PageDown", 34),
    "ArrowUp": _key("ArrowUp", 38),
    "ArrowDown": _key("ArrowDown", 40),
    "ArrowLeft": _key("ArrowLeft", 37),
    "ArrowRight": _key("ArrowRight", 39),
}

_PUNCTUATION = (
    ("-_", "Minus", 189), ("=+", "Equal", 187), ("[{", "BracketLeft", 219),
    ("]}", "BracketRight", 221), ("\\|", "Backslash", 220), (";:", "Semicolon", 186),
    ("'\"", "Quote", 222), (",<", "Comma", 188), (".>", "Period", 190), ("/?", "Slash", 191),
    ("`~", "Backquote", 192),
)  # fmt: skip
_ABOVE_DIGITS = ")!@#$%^&*("


def character_key(character: str) -> dict[str, Any] | None:
    """Return the key that writes a character, or None if the keyboard has none."""
    return _CHARACTERS.get(character)


def _characters() -> dict[str, dict[str, Any]]:
    letters = [(f"{upper.lower()}{upper}", f"Key{upper}", ord(upper)) for upper in ascii_uppercase]
    digits = [(f"{i}{above}", f"Digit{i}", 48 + i) for i, above in enumerate(_ABOVE_DIGITS)]
    written = {
        character: _key(code, number, key=character, text=character)
        for characters, code, number in (*letters, *digits, *_PUNCTUATION)
        for character in characters
    }
    return {**written, " ": KEYS["Space"], "\n": KEYS["Enter"]}


_CHARACTERS = _characters()
