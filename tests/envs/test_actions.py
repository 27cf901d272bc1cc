"""The two wire forms of actions, and what is said of text that is neither."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.envs.actions import (
    ACTIONS,
    MAX_TEXT_CHARS,
    Action,
    Click,
    Dialog,
    Fill,
    Press,
    Wait,
    WriteFile,
    action_schema,
    parse_action,
)
from cairn.sandbox.errors import ActionError
from cairn.sandbox.keys import KEYS

PAIRS: list[tuple[str, dict[str, object]]] = [
    ("goto http://mail.localhost/", {"action": "goto", "url": "http://mail.localhost/"}),
    ("click e12", {"action": "click", "ref": "e12"}),
    ("double_click e1", {"action": "double_click", "ref": "e1"}),
    ("hover e1", {"action": "hover", "ref": "e1"}),
    ("drag e1 e2", {"action": "drag", "ref": "e1", "onto": "e2"}),
    ('fill e5 "Ada Lovelace"', {"action": "fill", "ref": "e5", "text": "Ada Lovelace"}),
    ("type e5 Ada", {"action": "type", "ref": "e5", "text": "Ada"}),
    ("press ArrowDown", {"action": "press", "key": "ArrowDown"}),
    ("select e5 Paris", {"action": "select", "ref": "e5", "option": "Paris"}),
    ("scroll down", {"action": "scroll", "direction": "down"}),
    ("upload e5 Documents/a.txt", {"action": "upload", "ref": "e5", "path": "Documents/a.txt"}),
    ("back", {"action": "back"}),
    ("forward", {"action": "forward"}),
    ("dialog dismiss", {"action": "dialog", "response": "dismiss"}),
    ("dialog accept yes", {"action": "dialog", "response": "accept", "text": "yes"}),
    ("read e5", {"action": "read", "ref": "e5"}),
    ("list_dir .", {"action": "list_dir", "path": "."}),
    ("read_file a", {"action": "read_file", "path": "a"}),
    ("write_file a b", {"action": "write_file", "path": "a", "text": "b"}),
    ('move "a b" c', {"action": "move", "path": "a b", "to": "c"}),
    ("copy a b", {"action": "copy", "path": "a", "to": "b"}),
    ("delete a", {"action": "delete", "path": "a"}),
    ("make_dir a", {"action": "make_dir", "path": "a"}),
    ('run "ls -l | wc"', {"action": "run", "command": "ls -l | wc"}),
    ("wait 5", {"action": "wait", "seconds": 5}),
    ("answer 42", {"action": "answer", "text": "42"}),
    ("give_up", {"action": "give_up"}),
]

_texts = st.text(max_size=40).filter(lambda text: "\0" not in text)
_paths = _texts.filter(bool)
_refs = st.integers(1, 999_999).map("e{}".format)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "url": _texts,
    "ref": _refs,
    "onto": _refs,
    "text": _texts,
    "option": _texts,
    "path": _paths,
    "to": _paths,
    "command": _paths,
    "key": st.sampled_from(sorted(KEYS)),
    "direction": st.sampled_from(["up", "down"]),
    "response": st.sampled_from(["accept", "dismiss"]),
    "seconds": st.integers(1, 60),
}
_any_action = st.sampled_from(sorted(ACTIONS)).flatmap(
    lambda name: st.builds(
        ACTIONS[name],
        **{field: _VALUES[field] for field in ACTIONS[name].model_fields if field != "action"},
    )
)


def test_every_action_is_among_the_examples() -> None:
    assert {str(fields["action"]) for _, fields in PAIRS} == set(ACTIONS)


@pytest.mark.parametrize(("line", "fields"), PAIRS)
def test_both_wire_forms_name_the_same_action(line: str, fields: dict[str, object]) -> None:
    action = parse_action(line)
    assert action == parse_action(json.dumps(fields))
    assert action.model_dump(exclude_none=True) == fields
    assert action.to_line() == line


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("  click   e1 \n", Click(ref="e1")),
        ("fill e1 two words", Fill(ref="e1", text="two words")),
        ('fill e1 ""', Fill(ref="e1", text="")),
        ('fill e1 "a\\nb"', Fill(ref="e1", text="a\nb")),
        ('fill e1 it\'s "quoted"', Fill(ref="e1", text='it\'s "quoted"')),
        ("write_file a.txt b  c", WriteFile(path="a.txt", text="b  c")),
        ("dialog accept", Dialog(response="accept")),
        ('{"action": "wait", "seconds": 60}', Wait(seconds=60)),
    ],
)
def test_lines_are_read_as_a_person_would(line: str, action: Action) -> None:
    assert parse_action(line) == action


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no action named ''; allowed: goto, click"),
        ("clik e1", "no action named 'clik'"),
        ("Click e1", "no action named 'Click'"),
        ("click\te1", "no action named 'click\\te1'"),
        ("click", "ref: Field required"),
        ("click e0", "ref: String should match pattern"),
        ("click 12", "ref: String should match pattern"),
        ("click e1234567", "ref: String should match pattern"),
        ("click e1 e2", "click: too many arguments; write `click REF`"),
        ("back now", "back: too many arguments; write `back`"),
        ("press Control", "key: no such key; write Enter, Tab"),
        ("press Ctrl+a", "after any of Alt+, Control+, Meta+, Shift+"),
        ("press Control+v", "key: the clipboard cannot be used; fill the field"),
        ("press ü", "key: no such key"),
        ('press "\\n"', "key: no such key"),
        ("scroll left", "direction: Input should be 'up' or 'down'"),
        ("wait 0", "seconds: Input should be greater than or equal to 1"),
        ("wait 61", "seconds: Input should be less than or equal to 60"),
        ("wait 9999999999999999999999", "seconds: Input should be less than or equal to 60"),
        ("wait soon", "seconds: Input should be a valid integer"),
        ("wait ٣٣", "seconds: Input should be"),
        ('fill e1 "open', "bad quoted text '\"open'; write a JSON string"),
        ('fill e1 "a"b', "put a space after the quoted text '\"a\"'"),
        ('fill e1 "a" "b"', "fill: too many arguments; write `fill REF TEXT`"),
        ('read_file ""', "path: String should have at least 1 character"),
        ("fill e1 " + "x" * (MAX_TEXT_CHARS + 1), "text: String should have at most 10000"),
        ("read_file " + "x" * 1025, "path: String should have at most 1024 characters"),
        ("click e1\0", "action: NUL bytes and unpaired surrogates are not allowed"),
        ("fill e1 \ud800", "action: NUL bytes and unpaired surrogates are not allowed"),
        ('fill e1 "a\\u0000b"', "text: NUL bytes are not allowed"),
        ('{"action": "read_file", "path": "a\\u0000b"}', "path: NUL bytes are not allowed"),
        ('fill e1 "a\\ud800b"', "text: Input should be a valid string"),
        ('{"action": "answer", "text": "\\ud800"}', "Invalid JSON"),
        ("{", "action: Invalid JSON"),
        ("{}", "Unable to extract tag using discriminator"),
        ('{"action": "fly"}', "action: no such action; allowed: goto, click"),
        ('{"action": "back", "speed": 1}', "back.speed: Extra inputs are not permitted"),
        ('{"action": "fill"}', "fill.ref: Field required (and 1 more)"),
        ('{"action": "click", "ref": 5}', "click.ref: Input should be a valid string"),
        ("[" * 100_000, "no action named '[[[["),
        ('{"a":' * 100_000, "action: Invalid JSON"),
    ],
)
def test_malformed_text_is_answered_with_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(ActionError) as caught:
        parse_action(text)
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 600


@given(_any_action)
def test_every_action_survives_both_wire_forms(action: Action) -> None:
    assert parse_action(action.to_line()) == action
    assert parse_action(action.model_dump_json()) == action


@given(st.one_of(st.text(), st.sampled_from(sorted(ACTIONS)).flatmap(
    lambda name: st.text().map(lambda rest: f"{name} {rest}")
)))  # fmt: skip
def test_arbitrary_text_is_an_action_or_an_action_error(text: str) -> None:
    try:
        action = parse_action(text)
    except ActionError:
        return
    assert parse_action(action.to_line()) == action


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["action", "ref", "text", "path", "to", "seconds"]) | st.text(), inner
    ),
))  # fmt: skip
def test_arbitrary_json_is_an_action_or_an_action_error(value: object) -> None:
    try:
        parse_action(json.dumps(value))
    except ActionError:
        return


@pytest.mark.parametrize("key", [*KEYS, "a", "Z", "+", "Shift+Tab", "Control+Shift++", "Alt+1"])
def test_keys_that_the_browser_can_press_are_those_of_the_schema(key: str) -> None:
    assert parse_action(f"press {key}") == Press(key=key)
    (pattern,) = (
        kind["properties"]["key"]["pattern"]
        for name, kind in action_schema()["$defs"].items()
        if name == "Press"
    )
    assert re.fullmatch(pattern, key)


def test_schema_describes_every_action() -> None:
    schema = action_schema()
    assert set(schema["discriminator"]["mapping"]) == set(ACTIONS)
    assert len(schema["oneOf"]) == len(ACTIONS) == 26
    assert json.loads(json.dumps(schema)) == schema
