import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.agents.trajectory import Turn
from cairn.trainers.samples import Sample, samples_of
from tests.trainers.tiny import turn

IDS = st.lists(st.integers(0, 9), min_size=1, max_size=4).map(tuple)


def test_a_turn_whose_prompt_continues_the_sample_extends_it() -> None:
    turns = [
        turn((1, 2), (3,), logprobs=(-0.5,)),
        turn((1, 2, 3, 4), (5, 6), logprobs=(-1.0, -2.0)),
    ]
    [sample] = samples_of(turns, advantage_per_turn=[1.0, -2.0], episode=7)
    assert sample.ids == (1, 2, 3, 4, 5, 6)
    assert sample.is_trained == (False, False, True, False, True, True)
    assert sample.logprobs == (0.0, 0.0, -0.5, 0.0, -1.0, -2.0)
    assert sample.advantages == (0.0, 0.0, 1.0, 0.0, -2.0, -2.0)
    assert sample.episode == 7


def test_a_turn_whose_prompt_differs_starts_a_new_sample() -> None:
    turns = [turn((1, 2), (3,)), turn((1, 9, 3, 4), (5,))]
    first, second = samples_of(turns, advantage_per_turn=[1.0, 2.0], episode=0)
    assert first.ids == (1, 2, 3)
    assert second.ids == (1, 9, 3, 4, 5)
    assert second.advantages == (0.0, 0.0, 0.0, 0.0, 2.0)


def test_a_prompt_that_is_only_a_part_of_the_sample_starts_a_new_one() -> None:
    turns = [turn((1, 2), (3, 4)), turn((1, 2, 3), (5,))]
    assert [s.ids for s in samples_of(turns, advantage_per_turn=[0, 0], episode=0)] == [
        (1, 2, 3, 4),
        (1, 2, 3, 5),
    ]


@given(st.lists(st.tuples(IDS, IDS, st.booleans()), min_size=1, max_size=5))
def test_every_sampled_token_is_trained_once_with_its_own_advantage(
    drawn: list[tuple[tuple[int, ...], tuple[int, ...], bool]],
) -> None:
    turns: list[Turn] = []
    history: tuple[int, ...] = ()
    for prompt, ids, continues in drawn:
        full = history + prompt if continues else prompt
        turns.append(turn(full, ids))
        history = full + ids
    advantages = [float(i + 1) for i in range(len(turns))]
    samples = samples_of(turns, advantage_per_turn=advantages, episode=0)
    trained = [
        (token, advantage)
        for sample in samples
        for token, is_trained, advantage in zip(
            sample.ids, sample.is_trained, sample.advantages, strict=True
        )
        if is_trained
    ]
    wanted = [(token, float(i + 1)) for i, (_, ids, _) in enumerate(drawn) for token in ids]
    assert trained == wanted


def test_a_sample_refuses_entries_of_different_number() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        Sample(ids=(1, 2), is_trained=(False,), logprobs=(0.0,), advantages=(0.0,), episode=0)


def test_a_sample_refuses_to_train_its_first_token() -> None:
    with pytest.raises(ValueError, match="first one cannot be"):
        Sample(ids=(1,), is_trained=(True,), logprobs=(0.0,), advantages=(1.0,), episode=0)
