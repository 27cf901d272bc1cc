"""Checkpoints: folders that appear whole or not at all."""

import os
import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from cairn.sandbox.errors import ConfigError
from cairn.trainers.learner import Learner

STATE_FILE = "trainer.pt"
MAX_KEPT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopState:
    """Where a training loop stands.

    Attributes:
        step: Iterations done.
        values: What else the loop must remember; plain data.
    """

    step: int
    values: dict[str, Any]


def save_checkpoint(
    folder: Path,
    *,
    learner: Learner,
    tokenizer: PreTrainedTokenizerBase,
    loop: LoopState,
    rng: random.Random,
) -> Path:
    """Write `folder/step-N` with the model, ready to load, and all that resuming needs.

    The two newest are kept. Killed at any moment, this leaves the older ones untouched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"step-{loop.step:06d}"
    part = folder / f".step-{loop.step:06d}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    learner.model.save_pretrained(part)
    tokenizer.save_pretrained(part)
    state = {
        "learner": learner.state(),
        "weights": {n: p.detach() for n, p in learner.model.named_parameters() if p.requires_grad},
        "loop": {"step": loop.step, "values": loop.values},
        "rng": rng.getstate(),
        "torch_rng": torch.get_rng_state(),
    }
    torch.save(state, part / STATE_FILE)
    shutil.rmtree(final, ignore_errors=True)
    os.replace(part, final)  # noqa: PTH105 - Path.replace is the same call; this one says it is atomic
    for old in sorted(folder.glob("step-*"))[:-MAX_KEPT]:
        shutil.rmtree(old)
    return final


def latest_checkpoint(folder: Path) -> Path:
    """Return the newest checkpoint in a folder.

    Raises:
        ConfigError: If it holds none.
    """
    found = sorted(folder.glob("step-*"))
    if not found:
        raise ConfigError(f"nothing to resume: {str(folder)!r} holds no checkpoint")
    return found[-1]


def load_checkpoint(path: Path, *, learner: Learner, rng: random.Random) -> LoopState:
    """Put learner and generators back where they were; the learner's model must be of that shape.

    Raises:
        ConfigError: If the checkpoint does not fit the model.
    """
    state = torch.load(path / STATE_FILE, map_location=learner.model.device, weights_only=True)
    wanted = {n: p for n, p in learner.model.named_parameters() if p.requires_grad}
    weights = state["weights"]
    shapes = {n: w.shape for n, w in weights.items()}
    if shapes != {n: p.shape for n, p in wanted.items()}:
        raise ConfigError(f"checkpoint {str(path)!r} is of another model; resume with its config")
    with torch.no_grad():
        for name, parameter in wanted.items():
            parameter.copy_(weights[name])
    learner.load_state(state["learner"])
    version, internal, gauss = state["rng"]
    rng.setstate((version, tuple(internal), gauss))
    torch.set_rng_state(state["torch_rng"].cpu())
    return LoopState(step=state["loop"]["step"], values=state["loop"]["values"])
