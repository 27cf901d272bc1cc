"""Keys that can be pressed, as the protocol's key events want them."""

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
