import pytest
from pydantic import ValidationError

from cairn.sandbox.errors import UnknownNameError
from cairn.trainers.advantages import Baseline
from cairn.trainers.algorithm import ALGORITHMS, Aggregation, Algorithm, algorithm_of


def test_presets_are_what_their_papers_say() -> None:
    assert ALGORITHMS["grpo"].baseline is Baseline.STANDARDISED
    assert ALGORITHMS["grpo"].aggregation is Aggregation.EPISODE
    assert ALGORITHMS["dr-grpo"].baseline is Baseline.MEAN
    assert (ALGORITHMS["dapo"].eps_low, ALGORITHMS["dapo"].eps_high) == (0.2, 0.28)
    assert ALGORITHMS["dapo"].kl_weight == 0


def test_an_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'dapo'"):
        algorithm_of("dopo")


def test_an_algorithm_refuses_an_unknown_field() -> None:
    with pytest.raises(ValidationError, match="eps_hi"):
        Algorithm.model_validate({"eps_hi": 0.3})
