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


_MODIFIERS = {
    "Alt": (1, _key("AltLeft", 18, key="Alt")),
    "Control": (2, _key("ControlLeft", 17, key="Control")),
    "Meta": (4, _key("MetaLeft", 91, key="Meta")),
    "Shift": (8, _key("ShiftLeft", 16, key="Shift")),
}
_CLIPBOARD = frozenset("cvxCVX")


def key_events(name: str) -> list[dict[str, Any]]:
    """Return the events of pressing and releasing a key: `Enter`, `a`, `Shift+Tab`, `Control+a`.

    Raises:
        ValueError: If there is no such key, or it would use the clipboard, which episodes share.
    """
    *modifiers, last = name[:-1].split("+")
    last += name[-1:]
    key = KEYS.get(last) or character_key(last)
    if key is None or last == "\n" or not all(each in _MODIFIERS for each in modifiers):
        known = f"{', '.join(KEYS)} or a character"
        raise ValueError(f"no such key; write {known}, after any of {'+, '.join(_MODIFIERS)}+")
    if "Control" in modifiers and last in _CLIPBOARD:
        raise ValueError("the clipboard cannot be used; fill the field with the text instead")
    state = sum(_MODIFIERS[each][0] for each in set(modifiers))
    if set(modifiers) - {"Shift"}:
        key = {name: value for name, value in key.items() if name != "text"}
    elif modifiers and len(last) == 1:
        key = character_key(_shifted(last)) or key
    held = [_MODIFIERS[each][1] for each in modifiers]
    return [
        *({"type": "rawKeyDown", "modifiers": state, **each} for each in held),
        {"type": "keyDown" if "text" in key else "rawKeyDown", "modifiers": state, **key},
        {"type": "keyUp", "modifiers": state, **key},
        *({"type": "keyUp", **each} for each in reversed(held)),
    ]


def character_key(character: str) -> dict[str, Any] | None:
    """Return the key that writes a character, or None if the keyboard has none."""
    return _CHARACTERS.get(character)


def _shifted(character: str) -> str:
    """Return what the character's key writes together with Shift."""
    code = _CHARACTERS[character]["code"]
    return [other for other, key in _CHARACTERS.items() if key["code"] == code][-1]


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
