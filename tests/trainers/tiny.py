"""A tiny language model and hand-made turns for the tests of training."""

from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM

from cairn.agents.agent import Decision
from cairn.agents.engine import FinishReason, Generation
from cairn.agents.trajectory import Trajectory, Turn
from cairn.envs.observation import Observation
from cairn.trainers.model import SmallModelConfig, build_small_model
from cairn.trainers.tokenizer import build_tokenizer

WORDS = ("click", "fill", "answer", "goal", "link", "Ada", "Travel", "Save", "Documents", "csv")
SIZES = SmallModelConfig(hidden_size=16, intermediate_size=32, num_layers=2, num_heads=2)


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer(WORDS, num_refs=9)


def tiny_model(tokenizer: PreTrainedTokenizerFast, *, seed: int = 0) -> Qwen2ForCausalLM:
    model = build_small_model(SIZES, tokenizer, seed=seed)
    model.eval()  # type: ignore[no-untyped-call]
    return model


def save_tiny(folder: Path) -> Path:
    tokenizer = tiny_tokenizer()
    tiny_model(tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def same_weights(one: torch.nn.Module, two: torch.nn.Module) -> bool:
    pairs = zip(one.parameters(), two.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def observation(*, page: str = '- link "Save" [ref=e1]', state: str = "s") -> Observation:
    return Observation(
        goal="Save",
        url="http://x.localhost/",
        title="",
        page=page,
        dialog="",
        files=(),
        result="",
        is_error=False,
        step=0,
        max_steps=3,
        state_hash=state,
        replay_hash="",
    )


def turn(
    prompt: tuple[int, ...],
    ids: tuple[int, ...],
    *,
    reward: float = 0.0,
    logprobs: tuple[float, ...] | None = None,
    action: str = "click e1",
    state: str = "s",
) -> Turn:
    generation = Generation(
        ids=ids,
        logprobs=logprobs if logprobs is not None else (-1.0,) * len(ids),
        finish_reason=FinishReason.STOP,
        version=0,
    )
    decision = Decision(action=action, prompt_ids=prompt, generation=generation)
    return Turn(observation=observation(state=state), decision=decision, reward=reward, payments=())


def trajectory(
    *turns: Turn, task: str = "t", seed: int = 0, success: bool = False, void: str | None = None
) -> Trajectory:
    return Trajectory(
        task=task,
        seed=seed,
        turns=turns,
        last_observation=None,
        events=(),
        is_success=None if void else success,
        void=void,
    )
