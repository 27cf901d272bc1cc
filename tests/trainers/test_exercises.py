import random
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.envs.actions import ACTIONS
from cairn.envs.core import draw_facts
from cairn.envs.tasks import TASKS
from cairn.trainers.exercises import (
    JOINTS,
    QUESTIONS,
    Line,
    Page,
    Piece,
    Question,
    exercise,
    find,
    look_up,
    path,
    point,
    proceed,
    recall,
    repeats,
    report,
)
from cairn.trainers.tokenizer import build_tokenizer
from cairn.trainers.vocabulary import known_words

WORDS = known_words()
SEEDS = st.integers(0, 10**6)
PAGE = Page(
    lines=(
        Line(role="link", name="Travel plan", number="", ref="e3", state="current", value=""),
        Line(role="row", name="Save", number="421", ref="e4", state="", value=""),
        Line(role="textbox", name="Room", number="", ref="e5", state="", value="Paris"),
    ),
    folders=("Letters", "Papers"),
    files=("Letters/note.txt", "Papers/memo.csv"),
    text="files Letters/ Letters/note.txt Papers/ Papers/memo.csv",
)


def sure(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces if piece.is_sure)


def text(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


@given(SEEDS)
def test_what_is_sure_to_follow_has_followed_before(seed: int) -> None:
    drawn = repeats(random.Random(seed), 10**6)
    for i, is_sure in enumerate(drawn.is_sure):
        if is_sure:
            assert drawn.ids[i - 1 : i + 1] in [drawn.ids[k - 1 : k + 1] for k in range(1, i)]
    assert sum(drawn.is_sure) > 5


def test_a_line_reads_as_in_a_plain_prompt() -> None:
    assert list(map(str, PAGE.lines)) == [
        "link Travel plan e3 current",
        "row Save 421 e4",
        "textbox Room e5 Paris",
    ]
    assert [line.pointer for line in PAGE.lines] == ["Travel plan e3", "Save 421 e4", "Room e5"]


@pytest.mark.parametrize("question", QUESTIONS)
@given(seed=SEEDS)
def test_what_is_sure_in_an_answer_stands_before_it(question: Question, seed: int) -> None:
    pieces = question(random.Random(seed), WORDS, PAGE)
    known = "\n".join([PAGE.text, *map(str, PAGE.lines)])
    for piece in pieces:
        if piece.is_sure:
            assert all(word in known for word in piece.text.split())
        known += piece.text
    assert sure(pieces)
    assert any(piece.text.startswith("\ngoal ") and piece.text[-2:] == "\n>" for piece in pieces)
    assert all(piece.text[:1] in {" ", "\n", ""} for piece in pieces)


@given(SEEDS)
def test_point_asks_for_what_the_goal_says_after_the_marker(seed: int) -> None:
    goal, marker, answer = point(random.Random(seed), WORDS, PAGE)
    line = next(line for line in PAGE.lines if answer.text.startswith(f" {line.pointer}"))
    value = answer.text.removeprefix(f" {line.pointer}")
    assert f"{marker.text} {line.name}{value}" in goal.text


@given(SEEDS)
def test_find_asks_for_the_element_that_the_goal_names(seed: int) -> None:
    goal, _, answer = find(random.Random(seed), WORDS, PAGE)
    [line] = [line for line in PAGE.lines if answer.text == f" {line.pointer}"]
    assert f" {line.name}" in goal.text


@given(SEEDS)
def test_look_up_asks_for_the_ref_of_the_name_it_says(seed: int) -> None:
    goal, named, ref, first, rest = look_up(random.Random(seed), WORDS, PAGE)
    [line] = [line for line in PAGE.lines if ref.text.endswith(f" {line.ref}")]
    assert (named.text + ref.text).endswith(f" {line.pointer}")
    assert (first.is_sure, first.text + rest.text in goal.text) == (False, True)


@given(SEEDS)
def test_recall_asks_for_the_value_after_the_key(seed: int) -> None:
    goal, key, value = recall(random.Random(seed), WORDS, PAGE)
    assert f"{key.text}{value.text}" in goal.text


@given(SEEDS)
def test_path_asks_for_file_and_folder_of_the_goal(seed: int) -> None:
    goal, marker, answer = path(random.Random(seed), WORDS, PAGE)
    file, folder = answer.text.split()
    assert file in PAGE.files
    assert folder in PAGE.folders
    after_marker = goal.text.partition(f"{marker.text} ")[2]
    assert file.partition("/")[2] in after_marker
    assert f" {folder}" in after_marker


@given(SEEDS)
def test_report_asks_for_the_number_of_the_result(seed: int) -> None:
    result, goal, _, answer = report(random.Random(seed), WORDS, PAGE)
    assert result.text.startswith("\ngot ")
    assert result.text.endswith(answer.text)
    assert answer.text.strip() not in goal.text


@given(SEEDS)
def test_proceed_asks_for_the_step_after_the_last_one_done(seed: int) -> None:
    done, goal, _, answer = proceed(random.Random(seed), WORDS, PAGE)
    *_, last = done.text.removeprefix("\ndid ").split("\ndid ")
    line = next(line for line in PAGE.lines if answer.text.startswith(f" {line.pointer}"))
    value = answer.text.removeprefix(f" {line.pointer}")
    step = f"{line.name}{value}"
    assert any(f"{last}{joint}{step}" in goal.text for joint in JOINTS)
    assert step not in done.text


def test_proceed_asks_to_point_where_a_page_has_one_element() -> None:
    page = replace(PAGE, lines=PAGE.lines[:1])
    pieces = proceed(random.Random(0), WORDS, page)
    assert pieces == point(random.Random(0), WORDS, page)


@given(SEEDS, st.integers(2, 12), st.integers(1, 3))
def test_a_page_comes_once_and_no_name_is_part_of_another(
    seed: int, size: int, num_questions: int
) -> None:
    asked = exercise(random.Random(seed), WORDS, size=size, num_questions=num_questions)
    assert len(asked) == num_questions
    page = asked[0][0]
    assert not page.is_sure
    files, *lines = page.text.splitlines()
    assert files.startswith("files ")
    named = [re.split(r"( [0-9]{3})? e[0-9]", line.partition(" ")[2]) for line in lines]
    names = [set(parts[0].split()) for parts in named if len(parts) > 1]
    assert 1 <= len(names) <= size
    assert all(not (a <= b) for i, a in enumerate(names) for b in names[:i] + names[i + 1 :])
    assert all(not piece.text.startswith("files ") for pieces in asked[1:] for piece in pieces)


def test_on_many_pages_most_names_differ_from_another_in_one_word_of_several() -> None:
    num_similar = 0
    for seed in range(100):
        [[page, *_]] = exercise(random.Random(seed), WORDS, size=12, num_questions=1)
        lines = [line.partition(" ")[2] for line in page.text.splitlines()[1:]]
        found = [re.match(r"(.*?)( [0-9]{3})? e[0-9]", line) for line in lines]
        names = [match[1].split() for match in found if match]
        similar = [
            name
            for name in names
            if any(
                len(name) == len(other) > 2 and sum(map(str.__ne__, name, other)) == 1
                for other in names
            )
        ]
        num_similar += len(similar) > len(names) / 2
    assert num_similar > 15


@given(SEEDS)
def test_no_two_files_of_a_page_have_the_same_name(seed: int) -> None:
    [[page, *_]] = exercise(random.Random(seed), WORDS, size=2, num_questions=1)
    listed = page.text.splitlines()[0].split()[1:]
    names = [name for name in (entry.partition("/")[2] for entry in listed) if name]
    assert len(names) == len(set(names)) > 0


@given(SEEDS)
def test_only_the_wanted_question_is_asked(seed: int) -> None:
    asked = exercise(random.Random(seed), WORDS, size=4, num_questions=3, only=path)
    assert all("/" in sure(pieces) for pieces in asked)


def test_exercises_are_reproducible() -> None:
    one, two = (exercise(random.Random(3), WORDS, size=5, num_questions=3) for _ in range(2))
    assert one == two
    other = exercise(random.Random(4), WORDS, size=5, num_questions=3)
    assert text(one[0]) != text(other[0])


def test_the_suites_words_are_single_tokens() -> None:
    tokenizer = build_tokenizer(WORDS, num_refs=60)
    for task in TASKS.values():
        goal = task.goal(draw_facts(task, 5))
        words = [word.strip(".,:?") for word in goal.split()]
        plain = [word for word in words if word.isalpha()]
        assert [word for word in plain if len(tokenizer.encode(f" {word}")) != 1] == []
    assert all(len(tokenizer.encode(f" {name}")) == 1 for name in ACTIONS if "_" not in name)
