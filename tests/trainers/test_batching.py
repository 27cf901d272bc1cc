import pytest

from cairn.trainers.algorithm import Aggregation
from cairn.trainers.batching import micro_batches, token_weights
from cairn.trainers.samples import Sample, demonstration_sample

SHORT = demonstration_sample((1, 2), (3,), episode=0)
LONG = demonstration_sample((1, 2, 3), (4, 5, 6), episode=1)
LONG_TOO = demonstration_sample((7,), (8, 9), episode=1)
BATCH = [SHORT, LONG, LONG_TOO]


@pytest.mark.parametrize(
    ("aggregation", "weights"),
    [
        (Aggregation.TOKEN, [1 / 6, 1 / 6, 1 / 6]),
        (Aggregation.EPISODE, [1 / 2, 1 / 10, 1 / 10]),
        (Aggregation.FIXED, [1 / 8, 1 / 8, 1 / 8]),
    ],
)
def test_weights_of_an_aggregation(aggregation: Aggregation, weights: list[float]) -> None:
    assert token_weights(BATCH, aggregation, fixed_tokens=4) == pytest.approx(weights)


def test_equal_lengths_make_token_and_episode_weights_equal() -> None:
    batch = [SHORT, demonstration_sample((5,), (6,), episode=4)]
    assert token_weights(batch, Aggregation.TOKEN) == token_weights(batch, Aggregation.EPISODE)


def test_a_micro_batch_is_padded_on_the_left() -> None:
    [batch] = micro_batches([SHORT, LONG], [0.5, 0.25], max_tokens=100)
    assert batch.ids_RT.tolist() == [[0, 0, 0, 1, 2, 3], [1, 2, 3, 4, 5, 6]]
    assert batch.attention_RT.tolist() == [[0, 0, 0, 1, 1, 1], [1] * 6]
    assert batch.position_RT.tolist() == [[0, 0, 0, 0, 1, 2], [0, 1, 2, 3, 4, 5]]
    assert batch.weight_RT.tolist() == [[0, 0, 0, 0, 0, 0.5], [0, 0, 0, 0.25, 0.25, 0.25]]
    assert batch.num_kept == 3


def test_micro_batches_hold_at_most_so_many_padded_tokens() -> None:
    parts = micro_batches(BATCH, [1.0] * 3, max_tokens=6)
    assert [part.ids_RT.shape for part in parts] == [(2, 3), (1, 6)]
    assert [part.index_R for part in parts] == [(0, 2), (1,)]


def test_a_sample_longer_than_the_limit_stands_alone() -> None:
    assert len(micro_batches([LONG, LONG], [1.0] * 2, max_tokens=1)) == 2


def test_a_sample_of_several_turns_keeps_its_first_trained_token() -> None:
    sample = Sample(
        ids=(1, 2, 3, 4),
        is_trained=(False, True, False, True),
        logprobs=(0.0,) * 4,
        advantages=(0.0, 1.0, 0.0, 1.0),
        episode=0,
    )
    [batch] = micro_batches([sample], [1.0], max_tokens=9)
    assert batch.num_kept == 3
