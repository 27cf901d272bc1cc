import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trainers.tiny import WORDS, tiny_tokenizer

TOKENIZER = tiny_tokenizer()


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


@pytest.mark.parametrize(
    "piece", [" Ada", "Ada", " e3", " 421", " 7", "travel", " travel", ".csv", "@corp", "\n"]
)
def test_words_refs_and_numbers_are_one_token(piece: str) -> None:
    assert len(TOKENIZER.encode(piece)) == 1


def test_a_ref_is_the_same_token_on_a_page_and_in_an_action() -> None:
    page, action = TOKENIZER.encode("link Travel e3\n"), TOKENIZER.encode(" click e3")
    assert page[-2] == action[-1]


@pytest.mark.parametrize("joiner", ["/", "-", "_"])
def test_a_glued_word_is_split_at_the_mark_and_ends_in_the_whole_word(joiner: str) -> None:
    assert len(TOKENIZER.encode(f"{joiner}travel")) == 2
    assert TOKENIZER.encode(f"{joiner}travel")[1:] == TOKENIZER.encode("travel")


@given(st.sampled_from(WORDS), st.sampled_from(WORDS))
def test_a_word_has_the_same_tokens_wherever_it_stands(one: str, two: str) -> None:
    assert TOKENIZER.encode(f" {one} {two}") == TOKENIZER.encode(f" {one}") + TOKENIZER.encode(
        f" {two}"
    )


def test_a_word_that_begins_like_a_ref_is_no_ref() -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(" e3x")) == " e3x"
    assert TOKENIZER.encode(" e3x")[0] != TOKENIZER.encode(" e3")[0]
