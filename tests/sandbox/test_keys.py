"""The keys that can be pressed."""

import string

from cairn.sandbox.keys import KEYS, character_key


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


def test_every_printable_ascii_character_has_a_key_that_writes_it() -> None:
    for character in string.ascii_letters + string.digits + string.punctuation + " ":
        key = character_key(character)
        assert key is not None, character
        assert (key["key"], key["text"]) == (character, character)
    assert character_key("\n") == KEYS["Enter"]
    assert character_key("ü") is None


def test_shifted_characters_share_the_key_of_their_neighbour() -> None:
    for pair in ("aA", "zZ", "1!", "2@", "0)", "9(", "-_", "'\"", "\\|", "/?"):
        one, other = character_key(pair[0]), character_key(pair[1])
        assert one is not None
        assert other is not None
        assert one["code"] == other["code"]
        assert one["windowsVirtualKeyCode"] == other["windowsVirtualKeyCode"]
    numbers = [character_key(character) for character in "A5/"]
    assert [key and (key["code"], key["windowsVirtualKeyCode"]) for key in numbers] == [
        ("KeyA", 65),
        ("Digit5", 53),
        ("Slash", 191),
    ]
