"""Pages made shorter: what is kept, what is said of the rest, and what changed."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.envs.observation import Observation
from cairn.envs.page_text import changes, estimate_tokens, prune

PAGE = "\n".join(
    [
        '- link "Home" [ref=e1]',
        '- heading "Reports"',
        *(f"- text: line {number} of many" for number in range(20)),
        "- alert: Late",
        *(f'- button "Open {number}" [ref=e{number}]' for number in range(2, 6)),
    ]
)
PAGES = st.lists(
    st.sampled_from(
        ['- link "A" [ref=e1]', '  - button "B" [ref=e2]', "- text: x", "- heading", ""]
    )
    | st.text(
        st.characters(exclude_characters="\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), max_size=9
    ),
    max_size=12,
).map("\n".join)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("Save", 1),
        ("settings", 2),
        ('"a b"', 4),
        ("[ref=e12]", 5),
        ("12.5", 3),
        ("a\n b", 2),
    ],
)
def test_tokens_are_counted_by_short_pieces_and_signs(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


def test_a_page_within_its_budget_is_left_as_it_is() -> None:
    assert prune(PAGE, estimate_tokens(PAGE)) == PAGE


def test_what_can_be_acted_on_is_kept_longest_then_headings_and_notices() -> None:
    for budget in (70, 90):
        short = prune(PAGE, budget)
        assert estimate_tokens(short) <= budget
    *lines, note = prune(PAGE, 90).splitlines()
    assert lines[:2] == ['- link "Home" [ref=e1]', '- heading "Reports"']
    assert lines[-5:] == PAGE.splitlines()[-5:]
    assert note == "(left out for length: 20 lines of text, 0 elements)"
    *lines, note = prune(PAGE, 50).splitlines()
    assert lines == [line for line in PAGE.splitlines() if re.search(r"ref=e[123]\]", line)]
    assert note == "(left out for length: 22 lines of text, 2 elements)"


@given(PAGES, st.integers(1, 100))
def test_what_is_kept_stands_in_its_order_and_is_counted(page: str, budget: int) -> None:
    short = prune(page, budget)
    if short == page:
        return
    *kept, note = short.splitlines()
    rest = iter(page.splitlines())
    assert all(line in rest for line in kept)
    said = [int(word) for word in note.split() if word.isdigit()]
    assert sum(said) == len(page.splitlines()) - len(kept)


def test_changes_name_what_came_and_went_and_fold_the_rest() -> None:
    old = ['- link "A" [ref=e1]', *(f"- text: {n}" for n in range(5)), '- textbox "T" [ref=e2]']
    new = [*old[:-1], '- textbox "T" [ref=e2]: Ada', "- list", "  - listitem: x"]
    assert changes("\n".join(old), "\n".join(new)).splitlines() == [
        '= 6 lines: link "A" [ref=e1] ... text: 4',
        '- textbox "T" [ref=e2]',
        '+ textbox "T" [ref=e2]: Ada',
        "+ list",
        "+   listitem: x",
    ]
    assert changes("\n".join(new), "- text: 1").splitlines() == [
        '- link "A" [ref=e1]',
        "- text: 0",
        "= text: 1",
        "- 6 lines: text: 2 ... listitem: x",
    ]


@given(PAGES, PAGES)
def test_the_new_page_can_be_told_from_the_old_and_the_changes(old: str, new: str) -> None:
    told = changes(old, new).splitlines()
    came = [line[2:] for line in told if line.startswith("+ ")]
    plain = [line.replace("- ", "", 1) for line in new.splitlines()]
    rest = iter(plain)
    assert all(line in rest for line in came)
    assert changes(new, new).count("+ ") == 0


def seen(**changed: object) -> Observation:
    fields: dict[str, object] = {
        "goal": "Save.", "url": "http://lab.localhost/", "title": "Lab", "page": PAGE, "dialog": "",
        "files": ("a.txt",), "result": "", "is_error": False, "step": 1, "max_steps": 9,
        "state_hash": "", "replay_hash": "",
    }  # fmt: skip
    return Observation(**{**fields, **changed})  # type: ignore[arg-type]


def test_an_observation_can_be_told_by_what_changed() -> None:
    after = seen(page=PAGE.replace("Late", "Gone"), step=2, result="ok", files=("a.txt", "b.txt"))
    assert after.to_text(since=seen()).splitlines() == [
        "files: a.txt, b.txt",
        "as before: goal, url, title",
        "result: ok",
        "step: 2 of 9",
        "changes of the page:",
        '= 22 lines: link "Home" [ref=e1] ... text: line 19 of many',
        "- alert: Late",
        "+ alert: Gone",
        '= 4 lines: button "Open 2" [ref=e2] ... button "Open 5" [ref=e5]',
    ]
    assert estimate_tokens(after.to_text(since=seen())) < estimate_tokens(after.to_text()) / 2


def test_a_dialog_that_closed_is_told() -> None:
    text = seen().to_text(since=seen(dialog="alert: No"))
    assert "dialog: none" in text.splitlines()


@pytest.mark.parametrize(
    "after", [seen(url="http://lab.localhost/2"), seen(page="- text: all other\n- text: things")]
)
def test_another_page_is_shown_whole(after: Observation) -> None:
    assert after.to_text(since=seen()).endswith(f"page:\n{after.page}")
    assert "changes" not in after.to_text(since=seen())
