import random

from hypothesis import given
from hypothesis import strategies as st

from cairn.envs.actions import ACTIONS
from cairn.envs.core import draw_facts
from cairn.envs.tasks import TASKS
from cairn.trainers.exercises import KINDS, hop, locate, look_up, recall, repeats
from cairn.trainers.tokenizer import build_tokenizer
from cairn.trainers.vocabulary import known_words

WORDS = known_words()
SEEDS = st.integers(0, 10**6)


@given(SEEDS)
def test_what_is_sure_to_follow_has_followed_before(seed: int) -> None:
    drawn = repeats(random.Random(seed), 10**6)
    for i, is_sure in enumerate(drawn.is_sure):
        if is_sure:
            assert drawn.ids[i - 1 : i + 1] in [drawn.ids[k - 1 : k + 1] for k in range(1, i)]
    assert sum(drawn.is_sure) > 5


@given(SEEDS, st.integers(2, 9))
def test_an_answer_can_be_found_in_its_prompt(seed: int, size: int) -> None:
    for kind in KINDS:
        exercise = kind(random.Random(seed), WORDS, size)
        assert exercise.answer.startswith(" ")
        assert all(word in exercise.prompt for word in exercise.answer.split())


@given(SEEDS, st.integers(2, 9))
def test_the_name_before_the_end_stands_before_the_answer_on_one_line_only(
    seed: int, size: int
) -> None:
    exercise = look_up(random.Random(seed), WORDS, size)
    *lines, last = exercise.prompt.splitlines()
    name = last.removeprefix("> ")
    assert [line for line in lines if f" {name}{exercise.answer}" in f"{line} "]
    assert sum(f" {name} e" in line for line in lines) == 1


def test_kinds_are_reproducible() -> None:
    for kind in (recall, hop, locate):
        assert kind(random.Random(3), WORDS, 4) == kind(random.Random(3), WORDS, 4)


def test_the_suites_words_are_single_tokens() -> None:
    tokenizer = build_tokenizer(WORDS, num_refs=60)
    for task in TASKS.values():
        goal = task.goal(draw_facts(task, 5))
        words = [word.strip(".,:?") for word in goal.split()]
        plain = [word for word in words if word.isalpha()]
        assert [word for word in plain if len(tokenizer.encode(f" {word}")) != 1] == []
    assert all(len(tokenizer.encode(f" {name}")) == 1 for name in ACTIONS if "_" not in name)
