"""An algorithm is data: which credit, baseline, loss, aggregation and divergence."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from cairn.sandbox.errors import lookup
from cairn.trainers.advantages import Baseline, Credit
from cairn.trainers.losses import KL, PolicyLoss


class Aggregation(StrEnum):
    """What the weights of a batch's tokens sum to.

    `token`: every token counts alike (DAPO). `episode`: every episode counts alike, its tokens
    share its weight (GRPO). `fixed`: each token counts one over a constant, so that a longer
    episode weighs more and its length cannot pay (Dr. GRPO).
    """

    TOKEN = "token"
    EPISODE = "episode"
    FIXED = "fixed"


class Algorithm(BaseModel):
    """What a policy update is made of.

    Attributes:
        credit: `trajectory` gives each token the episode's advantage, `turn` that of the turn's
            return-to-go, `anchor` the episode's times `episode_weight` plus the anchor state's.
        baseline: What returns are compared with.
        episode_weight: Used by `anchor` alone.
        policy_loss: `reinforce` allows one epoch only, since it knows no ratio.
        eps_low: The clipped ratio is at least 1 - eps_low.
        eps_high: The clipped ratio is at most 1 + eps_high.
        aggregation: See `Aggregation`.
        kl: Estimate of the divergence from the reference that the loss adds.
        kl_weight: Its weight; above 0 a frozen copy of the first weights is kept.
        entropy_weight: Weight of the entropy, which the loss subtracts.
        success_reward: Added to the last reward of an episode that reached its goal; milestones pay
            for the way there, and what else the goal asks for (a right answer, nothing else
            changed) may pay nothing.
        negative_weight: Negative advantages are multiplied by it. Pushing down what failed moves
            its probability to whatever token is next; below 1 a small policy stays sharper.
        discount: Of the rewards of later turns, for `turn` and `anchor`.
        drop_equal_groups: Leave out groups whose returns are all equal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    credit: Credit = Credit.TRAJECTORY
    baseline: Baseline = Baseline.STANDARDISED
    episode_weight: float = Field(default=1.0, ge=0)
    policy_loss: PolicyLoss = PolicyLoss.CLIP
    eps_low: float = Field(default=0.2, gt=0, lt=1)
    eps_high: float = Field(default=0.2, gt=0)
    aggregation: Aggregation = Aggregation.EPISODE
    kl: KL = KL.NONE
    kl_weight: float = Field(default=0.0, ge=0)
    entropy_weight: float = Field(default=0.0, ge=0)
    success_reward: float = Field(default=0.0, ge=0)
    negative_weight: float = Field(default=1.0, ge=0, le=1)
    discount: float = Field(default=1.0, gt=0, le=1)
    drop_equal_groups: bool = True


ALGORITHMS: dict[str, Algorithm] = {
    # Williams 1992: returns, no ratio.
    "reinforce": Algorithm(
        baseline=Baseline.NONE,
        policy_loss=PolicyLoss.REINFORCE,
        aggregation=Aggregation.TOKEN,
        drop_equal_groups=False,
    ),
    # arXiv:2402.03300: standardised within the group, per-episode mean.
    "grpo": Algorithm(kl=KL.K3, kl_weight=0.04),
    # arXiv:2503.20783: no deviation, no length.
    "dr-grpo": Algorithm(baseline=Baseline.MEAN, aggregation=Aggregation.FIXED),
    # arXiv:2503.14476: higher upper bound, every token alike, no divergence, groups that differ.
    "dapo": Algorithm(eps_high=0.28, aggregation=Aggregation.TOKEN),
    # arXiv:2505.10978, with pooled returns (see `anchor_advantages`): the demo's.
    "anchor-grpo": Algorithm(
        credit=Credit.ANCHOR,
        baseline=Baseline.MEAN,
        eps_high=0.28,
        aggregation=Aggregation.TOKEN,
        episode_weight=0.0,
        success_reward=1.0,
        negative_weight=0.25,
    ),
}


def algorithm_of(name: str) -> Algorithm:
    """Return a preset.

    Raises:
        UnknownNameError: If there is none of that name.
    """
    return lookup(ALGORITHMS, name, kind="algorithm")
