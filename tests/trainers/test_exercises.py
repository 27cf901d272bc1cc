import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.envs.actions import ACTIONS
from cairn.envs.core import draw_facts
from cairn.envs.tasks import TASKS
from cairn.trainers.exercises import (
    QUESTIONS,
    Line,
    Piece,
    Question,
    exercise,
    look_up,
    path,
    point,
    recall,
    repeats,
)
from cairn.trainers.tokenizer import build_tokenizer
from cairn.trainers.vocabulary import known_words

WORDS = known_words()
SEEDS = st.integers(0, 10**6)
LINES = [
    Line(role="link", name="Travel plan", ref="e3", rest=" current"),
    Line(role="row", name="Save 421", ref="e4", rest=""),
]
FILES = ["Papers/memo.csv", "Letters/note.txt"]


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
    assert list(map(str, LINES)) == ["link Travel plan e3 current", "row Save 421 e4"]


@pytest.mark.parametrize("question", dict.fromkeys(QUESTIONS))
@given(seed=SEEDS)
def test_what_is_sure_in_an_answer_stands_before_it(question: Question, seed: int) -> None:
    pieces = question(random.Random(seed), WORDS, LINES, FILES)
    known = "\n".join([*FILES, *map(str, LINES)])
    for piece in pieces:
        if piece.is_sure:
            assert all(word in known for word in piece.text.split())
        known += piece.text
    assert sure(pieces)
    assert pieces[0].text.startswith("\ngoal ")
    assert pieces[0].text.endswith("\n>")
    assert all(piece.text[:1] in {" ", "\n", ""} for piece in pieces)


@given(SEEDS)
def test_point_asks_for_what_the_goal_says_after_the_marker(seed: int) -> None:
    goal, marker, answer = point(random.Random(seed), WORDS, LINES, FILES)
    line = next(line for line in LINES if answer.text.startswith(f" {line.name} {line.ref}"))
    value = answer.text.removeprefix(f" {line.name} {line.ref}")
    assert f"{marker.text} {line.name}{value}" in goal.text


@given(SEEDS)
def test_look_up_asks_for_the_ref_of_the_name_it_says(seed: int) -> None:
    goal, named, ref, first, rest = look_up(random.Random(seed), WORDS, LINES, FILES)
    [line] = [line for line in LINES if f" {line.ref}" == ref.text]
    assert named.text.endswith(f" {line.name}")
    assert (first.is_sure, first.text + rest.text in goal.text) == (False, True)


@given(SEEDS)
def test_recall_asks_for_the_value_after_the_key(seed: int) -> None:
    goal, key, value = recall(random.Random(seed), WORDS, LINES, FILES)
    assert f"{key.text}{value.text}" in goal.text


@given(SEEDS)
def test_path_asks_for_the_whole_path_of_the_file_in_the_goal(seed: int) -> None:
    goal, marker, answer = path(random.Random(seed), WORDS, LINES, FILES)
    file, last = answer.text.split()
    assert file in FILES
    assert f"{marker.text} {file.partition('/')[2]} {last}" in goal.text


@given(SEEDS, st.integers(2, 9), st.integers(1, 3))
def test_a_page_comes_once_and_no_name_is_part_of_another(
    seed: int, size: int, num_questions: int
) -> None:
    asked = exercise(random.Random(seed), WORDS, size=size, num_questions=num_questions)
    assert len(asked) == num_questions
    page = asked[0][0]
    assert not page.is_sure
    files, *lines = page.text.splitlines()
    assert files.startswith("files ")
    named = [line.partition(" ")[2].partition(" e")[0] for line in lines if " e" in line]
    names = [set(name.split()) for name in named]
    assert all(not (a <= b) for i, a in enumerate(names) for b in names[:i] + names[i + 1 :])
    assert all(not piece.text.startswith("files ") for pieces in asked[1:] for piece in pieces)


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
