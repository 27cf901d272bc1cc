"""Turns batches of samples into optimiser steps.

Axes: R samples of a micro-batch, T tokens, K last tokens, V vocabulary.
"""

import copy
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from cairn.trainers.batching import MicroBatch, micro_batches
from cairn.trainers.errors import TrainingError
from cairn.trainers.objective import Objective, Scored
from cairn.trainers.samples import Sample


class LearnerConfig(BaseModel):
    """How weights are changed.

    Attributes:
        learning_rate: Peak of AdamW's learning rate.
        warm_up_steps: Steps over which it rises from 0.
        weight_decay: Of AdamW.
        betas: Of AdamW.
        max_grad_norm: Longer gradients are shortened to this.
        max_tokens: Padded tokens of a micro-batch; bounds memory, changes no result.
        max_bad_steps: So many steps with a non-finite gradient in a row stop the run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    learning_rate: float = Field(default=1e-3, gt=0)
    warm_up_steps: int = Field(default=0, ge=0)
    weight_decay: float = Field(default=0.0, ge=0)
    betas: tuple[float, float] = (0.9, 0.95)
    max_grad_norm: float = Field(default=1.0, gt=0)
    max_tokens: int = Field(default=8192, ge=1)
    max_bad_steps: int = Field(default=5, ge=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """What one optimiser step did.

    Attributes:
        loss: Value of the loss; NaN when the gradient was not finite.
        grad_norm: Length of the gradient before it was shortened.
        is_skipped: Whether the weights were left alone because the gradient was not finite.
        sums: What the objective reports.
    """

    loss: float
    grad_norm: float
    is_skipped: bool
    sums: dict[str, float]


class Learner:
    """A model, its optimiser and its schedule.

    Attributes:
        model: The model that learns; with LoRA only its adapters do.
        num_steps: Steps so far, the skipped ones included.
        learning_rate_share: The learning rate is multiplied by it.
    """

    def __init__(
        self,
        model: Any,
        config: LearnerConfig,
        *,
        temperature: float = 1.0,
        with_reference: bool = False,
        dump_folder: Path | None = None,
    ) -> None:
        """Begin.

        Args:
            model: A causal language model or a PEFT model around one.
            config: How weights are changed.
            temperature: Logits are divided by it, as they were when sampling.
            with_reference: Keep the first weights for a divergence term; a PEFT model keeps none,
                its reference is itself with the adapters off.
            dump_folder: Where batches with a non-finite gradient are written.
        """
        self.model = model
        self.config = config
        self.num_steps = 0
        self.learning_rate_share = 1.0
        self._num_bad = 0
        self._temperature = temperature
        self._dump_folder = dump_folder
        self._is_peft = hasattr(model, "disable_adapter")
        self._reference: nn.Module | None = None
        self._with_reference = with_reference
        if with_reference and not self._is_peft:
            self._reference = copy.deepcopy(model).requires_grad_(requires_grad=False).eval()
        self._parameters = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self._parameters,
            lr=config.learning_rate,
            betas=config.betas,
            weight_decay=config.weight_decay,
        )

    def step(
        self, samples: Sequence[Sample], weights: Sequence[float], objective: Objective
    ) -> StepReport:
        """Take one optimiser step on a batch.

        Args:
            samples: The batch.
            weights: Weight of each trained token of each sample, from `token_weights`.
            objective: The loss.

        Raises:
            TrainingError: If the gradient was not finite too many times in a row.
        """
        self.model.train()
        sums: Counter[str] = Counter()
        loss = 0.0
        for batch in self._micro_batches(samples, weights):
            terms = objective(self._score(batch))
            terms.loss.backward()  # type: ignore[no-untyped-call]
            loss += terms.loss.item()
            sums.update(terms.sums)
        grad_norm = nn.utils.clip_grad_norm_(self._parameters, self.config.max_grad_norm).item()
        is_skipped = not math.isfinite(grad_norm)
        if is_skipped:
            self._dump(samples, weights, grad_norm)
        else:
            self._num_bad = 0
            for group in self.optimizer.param_groups:
                group["lr"] = (
                    self.config.learning_rate * self.learning_rate_share * self._warm_up_factor()
                )
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.num_steps += 1
        return StepReport(loss=loss, grad_norm=grad_norm, is_skipped=is_skipped, sums=dict(sums))

    @torch.no_grad()
    def logprobs(self, samples: Sequence[Sample]) -> list[list[float]]:
        """Return the log-probability of each sample's trained tokens, in order."""
        self.model.eval()
        result: list[list[float]] = [[] for _ in samples]
        for batch in self._micro_batches(samples, [1.0] * len(samples)):
            scored = self._score(batch, with_reference=False)
            for row, index in enumerate(batch.index_R):
                result[index] = scored.logprob_RK[row][scored.is_trained_RK[row]].tolist()
        return result

    def state(self) -> dict[str, Any]:
        """Return what a resumed run needs besides the model's weights."""
        state: dict[str, Any] = {
            "optimizer": self.optimizer.state_dict(),
            "num_steps": self.num_steps,
            "num_bad": self._num_bad,
        }
        if self._reference is not None:
            state["reference"] = self._reference.state_dict()
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up where `state` was taken; the model's weights are loaded by the caller."""
        self.optimizer.load_state_dict(state["optimizer"])
        self.num_steps = state["num_steps"]
        self._num_bad = state["num_bad"]
        if self._reference is not None:
            self._reference.load_state_dict(state["reference"])

    def _micro_batches(
        self, samples: Sequence[Sample], weights: Sequence[float]
    ) -> list[MicroBatch]:
        return micro_batches(
            samples, weights, max_tokens=self.config.max_tokens, device=self.model.device
        )

    def _score(self, batch: MicroBatch, *, with_reference: bool = True) -> Scored:
        logits_RKV = self._logits(self.model, batch)
        kept = slice(batch.ids_RT.shape[1] - batch.num_kept, None)
        ids_RK = batch.ids_RT[:, kept]
        reference_RK = None
        if self._with_reference and with_reference:
            reference_RK = _logprob_of(self._reference_logits(batch), ids_RK)
        return Scored(
            logits_RKV=logits_RKV,
            logprob_RK=_logprob_of(logits_RKV, ids_RK),
            old_logprob_RK=batch.logprob_RT[:, kept],
            reference_logprob_RK=reference_RK,
            advantage_RK=batch.advantage_RT[:, kept],
            weight_RK=batch.weight_RT[:, kept],
            is_trained_RK=batch.is_trained_RT[:, kept],
        )

    def _logits(self, model: Any, batch: MicroBatch) -> Tensor:
        """Return, in 32 bits, the logits that foretell the last `num_kept` tokens."""
        is_cuda = batch.ids_RT.is_cuda
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=is_cuda):
            output = model(
                input_ids=batch.ids_RT,
                attention_mask=batch.attention_RT,
                position_ids=batch.position_RT,
                logits_to_keep=batch.num_kept + 1,
            )
        logits: Tensor = output.logits[:, :-1].float() / self._temperature
        return logits

    @torch.no_grad()
    def _reference_logits(self, batch: MicroBatch) -> Tensor:
        if self._reference is not None:
            return self._logits(self._reference, batch)
        with self.model.disable_adapter():
            return self._logits(self.model, batch)

    def _warm_up_factor(self) -> float:
        return min(1.0, (self.num_steps + 1) / (self.config.warm_up_steps + 1))

    def _dump(self, samples: Sequence[Sample], weights: Sequence[float], grad_norm: float) -> None:
        self._num_bad += 1
        where = ""
        if self._dump_folder is not None:
            self._dump_folder.mkdir(parents=True, exist_ok=True)
            path = self._dump_folder / f"bad-batch-{self.num_steps:06d}.pt"
            fields = [(s.ids, s.is_trained, s.logprobs, s.advantages) for s in samples]
            torch.save({"samples": fields, "weights": list(weights)}, path)
            where = f"; the batch is in {path}"
        if self._num_bad >= self.config.max_bad_steps:
            raise TrainingError(
                f"gradient norm {grad_norm} in {self._num_bad} steps in a row{where}; "
                "lower learner.learning_rate"
            )


def _logprob_of(logits_RKV: Tensor, ids_RK: Tensor) -> Tensor:
    logprob_RKV = torch.log_softmax(logits_RKV, dim=-1)
    return logprob_RKV.gather(2, ids_RK[:, :, None]).squeeze(2)
