import math

import pytest
import torch
from torch import Tensor

from cairn.trainers.losses import (
    KL,
    clip_loss,
    kl_estimate,
    log_ratio,
    reinforce_loss,
    token_entropy,
)

YES = torch.tensor([True])


@pytest.mark.parametrize(
    ("ratio", "advantage", "wanted"),
    [(1.4, 1.0, 1.2), (0.7, 1.0, 0.7), (1.4, -1.0, -1.4), (0.7, -1.0, -0.8), (1.2, 1.0, 1.2)],
)
def test_clip_loss_golden_values(ratio: float, advantage: float, wanted: float) -> None:
    loss = clip_loss(
        torch.tensor([math.log(ratio)]), torch.tensor([advantage]), eps_low=0.2, eps_high=0.2
    )
    assert -loss.item() == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(("ratio", "wanted"), [(1.25, 1.25), (1.4, 1.28)])
def test_a_higher_upper_bound_golden_values(ratio: float, wanted: float) -> None:
    loss = clip_loss(
        torch.tensor([math.log(ratio)]), torch.tensor([1.0]), eps_low=0.2, eps_high=0.28
    )
    assert -loss.item() == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(
    ("ratio", "advantage", "flows"), [(1.4, 1.0, False), (0.7, -1.0, False), (1.4, -1.0, True)]
)
def test_the_clip_stops_the_gradient_on_one_side_only(
    ratio: float, advantage: float, flows: bool
) -> None:
    logprob = torch.tensor([math.log(ratio)], requires_grad=True)
    clip_loss(logprob, torch.tensor([advantage]), eps_low=0.2, eps_high=0.2).sum().backward()  # type: ignore[no-untyped-call]
    assert logprob.grad is not None
    assert (logprob.grad.item() != 0) == flows


def test_reinforce_gradient_is_minus_the_advantage() -> None:
    logprob = torch.tensor([-1.0, -2.0], requires_grad=True)
    mask = torch.tensor([True, False])
    reinforce_loss(logprob, torch.tensor([3.0, 3.0]), mask).sum().backward()  # type: ignore[no-untyped-call]
    assert logprob.grad is not None
    assert logprob.grad.tolist() == [-3.0, 0.0]


def test_kl_estimates_golden_values() -> None:
    policy, reference = torch.tensor([math.log(0.5)]), torch.tensor([math.log(0.25)])
    assert kl_estimate(KL.K1, policy, reference, YES).item() == pytest.approx(0.693147, abs=1e-6)
    assert kl_estimate(KL.K3, policy, reference, YES).item() == pytest.approx(0.193147, abs=1e-6)


def test_kl_estimates_are_unbiased() -> None:
    policy, reference = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.25, 0.25, 0.5])
    mask = torch.ones(3, dtype=torch.bool)
    for kind in (KL.K1, KL.K3):
        estimate = kl_estimate(kind, policy.log(), reference.log(), mask)
        assert (policy * estimate).sum().item() == pytest.approx(0.218012, abs=1e-6)


def test_infinite_untrained_tokens_leave_loss_and_gradient_finite() -> None:
    logprob = torch.tensor([-1.0, -math.inf], requires_grad=True)
    mask = torch.tensor([True, False])
    ratio = log_ratio(logprob, torch.tensor([-1.0, 0.0]), mask)
    loss: Tensor = clip_loss(ratio, torch.tensor([1.0, 0.0]), eps_low=0.2, eps_high=0.2)
    loss = loss + kl_estimate(KL.K3, logprob, torch.tensor([-1.0, 0.0]), mask)
    (loss * mask).sum().backward()  # type: ignore[no-untyped-call]
    assert logprob.grad is not None
    assert logprob.grad.tolist() == [-1.0, 0.0]


def test_huge_ratios_are_bounded() -> None:
    ratio = log_ratio(torch.tensor([0.0]), torch.tensor([-1000.0]), YES)
    assert ratio.exp().isfinite().all()


def test_entropy_of_a_uniform_distribution() -> None:
    assert token_entropy(torch.zeros(1, 1, 8)).item() == pytest.approx(math.log(8))
