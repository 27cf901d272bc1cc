"""Policy losses, one value a token; nothing here sums, so weights and denominators stay explicit.

Axes: R rows, T tokens. Values where a token is not trained are arbitrary and may be infinite: they
are replaced before any exponential, since `0 * inf` in the backward pass is NaN.
"""

from enum import StrEnum

import torch
from torch import Tensor

MAX_LOG_RATIO = 20.0


class PolicyLoss(StrEnum):
    """How a policy is improved."""

    REINFORCE = "reinforce"
    CLIP = "clip"


class KL(StrEnum):
    """Which estimate of the divergence from the reference is added to the loss."""

    NONE = "none"
    K1 = "k1"
    K3 = "k3"


def log_ratio(logprob_RT: Tensor, old_logprob_RT: Tensor, is_trained_RT: Tensor) -> Tensor:
    """Return `logprob - old`, 0 where not trained, bounded so that its exponential is finite."""
    difference_RT = torch.where(is_trained_RT, logprob_RT - old_logprob_RT, 0.0)
    return difference_RT.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)


def reinforce_loss(logprob_RT: Tensor, advantage_RT: Tensor, is_trained_RT: Tensor) -> Tensor:
    """Return `-logprob * advantage`.

    Source: Williams (1992), equation 11; on-policy only.
    """
    return -torch.where(is_trained_RT, logprob_RT, 0.0) * advantage_RT


def clip_loss(
    log_ratio_RT: Tensor, advantage_RT: Tensor, *, eps_low: float, eps_high: float
) -> Tensor:
    """Return `-min(ratio * A, clip(ratio, 1 - eps_low, 1 + eps_high) * A)`.

    Source: PPO (arXiv:1707.06347), equation 7; two bounds: DAPO (arXiv:2503.14476), section 3.1.
    """
    ratio_RT = log_ratio_RT.exp()
    clipped_RT = ratio_RT.clamp(1 - eps_low, 1 + eps_high)
    return -torch.minimum(ratio_RT * advantage_RT, clipped_RT * advantage_RT)


def kl_estimate(
    kind: KL, logprob_RT: Tensor, reference_logprob_RT: Tensor, is_trained_RT: Tensor
) -> Tensor:
    """Estimate `KL(policy || reference)` at the sampled tokens, in nats.

    `k1 = log(pi / ref)` is unbiased but may be negative; `k3 = ref / pi - log(ref / pi) - 1` is
    unbiased and never negative.

    Source: Schulman, "Approximating KL divergence" (2020); GRPO (arXiv:2402.03300), equation 4.
    """
    log_ref_ratio_RT = log_ratio(reference_logprob_RT, logprob_RT, is_trained_RT)
    if kind is KL.K1:
        return -log_ref_ratio_RT
    if kind is KL.K3:
        return log_ref_ratio_RT.exp() - log_ref_ratio_RT - 1
    return torch.zeros_like(log_ref_ratio_RT)


def token_entropy(logits_RTV: Tensor) -> Tensor:
    """Return the entropy of each next-token distribution, in nats."""
    logprob_RTV = torch.log_softmax(logits_RTV.float(), dim=-1)
    return -(logprob_RTV.exp() * logprob_RTV).sum(dim=-1)
