"""The keys that can be pressed."""

import string

import pytest

from cairn.sandbox.keys import KEYS, character_key, key_events


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


def test_modifiers_are_held_while_the_key_is_struck() -> None:
    events = key_events("Control+Shift+a")
    assert [(event["type"], event["key"], event.get("modifiers")) for event in events] == [
        ("rawKeyDown", "Control", 10),
        ("rawKeyDown", "Shift", 10),
        ("rawKeyDown", "a", 10),
        ("keyUp", "a", 10),
        ("keyUp", "Shift", None),
        ("keyUp", "Control", None),
    ]
    assert not any("text" in event for event in events)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a", "a"),
        ("Shift+a", "A"),
        ("Shift+1", "!"),
        ("Shift+?", "?"),
        ("+", "+"),
        ("Shift++", "+"),
    ],
)
def test_a_key_writes_its_character_shifted_with_shift(name: str, written: str) -> None:
    (down,) = (event for event in key_events(name) if event["type"] == "keyDown")
    assert down["text"] == down["key"] == written


@pytest.mark.parametrize(
    "name", ["", "+a", "Shift", "Shift+", "Hyper+a", "aa", "Enter+a", "\n", "ü"]
)
def test_what_is_no_key_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no such key; write Enter, "):
        key_events(name)


@pytest.mark.parametrize("name", ["Control+c", "Control+Shift+V", "Shift+Control+x"])
def test_the_clipboard_is_out_of_reach(name: str) -> None:
    with pytest.raises(ValueError, match="the clipboard cannot be used"):
        key_events(name)
