import random

from cairn.trainers.renaming import Renamer
from cairn.trainers.samples import Sample, demonstration_sample
from cairn.trainers.tokenizer import build_tokenizer

WORDS = ["Account", "Ada", "Budget", "Cotton", "Juno", "Open", "Save", "click", "goal", "link"]
TOKENIZER = build_tokenizer(WORDS, num_refs=20)
PROMPT = "link Account e2\nlink Budget e3\nrow Ada 421 e4\ngoal Open Account for Ada.\n>"


def sample_of(action: str) -> Sample:
    prompt_ids = TOKENIZER.encode(PROMPT)
    action_ids = [*TOKENIZER.encode(f" {action}"), TOKENIZER.eos_token_id]
    return demonstration_sample(prompt_ids, action_ids, episode=3)


def text_of(sample: Sample) -> str:
    return str(TOKENIZER.decode(list(sample.ids[:-1])))


def test_a_copied_word_is_exchanged_throughout_and_nothing_else() -> None:
    told = Renamer(TOKENIZER, share=1.0).rename(sample_of("click Account e2"), random.Random(0))
    text = text_of(told)
    word = text.split()[1]
    assert word not in {"Account", "Budget", "Ada"}
    assert text == f"{PROMPT} click Account e2".replace("Account", word)
    assert told.episode == 3
    assert told.ids[-1] == TOKENIZER.eos_token_id


def test_a_number_is_exchanged_for_one_of_as_many_digits() -> None:
    told = Renamer(TOKENIZER, share=1.0).rename(sample_of("answer 421"), random.Random(0))
    number = text_of(told).split()[-1]
    assert number != "421"
    assert len(number) == 3
    assert f"row Ada {number} e4" in text_of(told)


def test_words_that_the_goal_does_not_hold_stay() -> None:
    sample = sample_of("click Budget e3")
    assert Renamer(TOKENIZER, share=1.0).rename(sample, random.Random(0)) == sample


def test_a_share_of_zero_changes_nothing() -> None:
    sample = sample_of("click Account e2")
    assert Renamer(TOKENIZER, share=0.0).rename(sample, random.Random(0)) == sample


def test_the_same_draws_give_the_same_sample() -> None:
    renamer = Renamer(TOKENIZER, share=0.5)
    sample = sample_of("click Account e2")
    assert renamer.rename(sample, random.Random(7)) == renamer.rename(sample, random.Random(7))
