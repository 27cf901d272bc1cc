"""The keys that can be pressed."""

from cairn.sandbox.keys import KEYS


def test_only_keys_that_write_carry_a_text() -> None:
    assert {name: data["text"] for name, data in KEYS.items() if "text" in data} == {
        "Enter": "\r",
        "Space": " ",
    }
    assert KEYS["Space"]["key"] == " "
    assert KEYS["ArrowDown"] == {
        "key": "ArrowDown",
        "code": "ArrowDown",
        "windowsVirtualKeyCode": 40,
    }
