"""What a batch's loss is, as weighted sums over its trained tokens.

Axes: R samples, K last tokens (the others are untrained), V vocabulary.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from cairn.trainers.algorithm import Algorithm
from cairn.trainers.losses import (
    KL,
    PolicyLoss,
    clip_loss,
    kl_estimate,
    log_ratio,
    reinforce_loss,
    token_entropy,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A micro-batch as the model sees it; tensors have shape (R, K).

    Attributes:
        logits_RKV: Logits that foretold each token.
        logprob_RK: Log-probability of each token.
        old_logprob_RK: Behaviour log-probs.
        reference_logprob_RK: Those of the frozen reference; None without one.
        advantage_RK: Advantages.
        weight_RK: Weights; 0 where not trained.
        is_trained_RK: Whether the token is trained.
    """

    logits_RKV: Tensor
    logprob_RK: Tensor
    old_logprob_RK: Tensor
    reference_logprob_RK: Tensor | None
    advantage_RK: Tensor
    weight_RK: Tensor
    is_trained_RK: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A loss to minimise, and sums over tokens worth reporting, by name."""

    loss: Tensor
    sums: dict[str, float] = field(default_factory=dict)


Objective = Callable[[Scored], Terms]


def imitation(scored: Scored) -> Terms:
    """Return the weighted negative log-likelihood (behaviour cloning)."""
    logprob_RK = torch.where(scored.is_trained_RK, scored.logprob_RK, 0.0)
    loss = -(logprob_RK * scored.weight_RK).sum()
    return Terms(loss=loss, sums={"nll": loss.item()})


def policy_objective(algorithm: Algorithm) -> Objective:
    """Return the loss of a policy-gradient algorithm."""

    def objective(scored: Scored) -> Terms:
        mask_RK, weight_RK = scored.is_trained_RK, scored.weight_RK
        ratio_RK = log_ratio(scored.logprob_RK, scored.old_logprob_RK, mask_RK)
        if algorithm.policy_loss is PolicyLoss.REINFORCE:
            loss_RK = reinforce_loss(scored.logprob_RK, scored.advantage_RK, mask_RK)
        else:
            loss_RK = clip_loss(
                ratio_RK,
                scored.advantage_RK,
                eps_low=algorithm.eps_low,
                eps_high=algorithm.eps_high,
            )
        with torch.set_grad_enabled(algorithm.entropy_weight > 0):
            entropy_RK = torch.where(mask_RK, token_entropy(scored.logits_RKV), 0.0)
        loss_RK = loss_RK - algorithm.entropy_weight * entropy_RK
        sums = {
            "policy_loss": (loss_RK.detach() * weight_RK).sum().item(),
            "entropy": (entropy_RK.detach() * weight_RK).sum().item(),
            "clip_share": (_is_clipped(ratio_RK, scored, algorithm) * weight_RK).sum().item(),
            "kl_old": ((ratio_RK.exp() - 1 - ratio_RK).detach() * weight_RK).sum().item(),
        }
        if scored.reference_logprob_RK is not None and algorithm.kl is not KL.NONE:
            kl_RK = kl_estimate(
                algorithm.kl, scored.logprob_RK, scored.reference_logprob_RK, mask_RK
            )
            loss_RK = loss_RK + algorithm.kl_weight * kl_RK
            sums["kl_reference"] = (kl_RK.detach() * weight_RK).sum().item()
        return Terms(loss=(loss_RK * weight_RK).sum(), sums=sums)

    return objective


def _is_clipped(log_ratio_RK: Tensor, scored: Scored, algorithm: Algorithm) -> Tensor:
    """Return 1 where the clip stops the gradient."""
    ratio_RK = log_ratio_RK.detach().exp()
    too_high = (ratio_RK > 1 + algorithm.eps_high) & (scored.advantage_RK > 0)
    too_low = (ratio_RK < 1 - algorithm.eps_low) & (scored.advantage_RK < 0)
    return (too_high | too_low).float()
