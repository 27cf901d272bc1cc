"""Agents from model folders, for the command line: a run folder, or any Hugging Face folder."""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from cairn.agents.agent import Agent
from cairn.agents.engine import SamplingParams
from cairn.agents.llm import LLMAgent, Prompt, Style
from cairn.agents.named import find_agent
from cairn.agents.scripted import AgentMaker
from cairn.envs.core import Env
from cairn.sandbox.errors import ConfigError, SetupError

RUN_CONFIG = "config.json"
MAX_BATCH = 32


class _Policy(BaseModel):
    """What a run's config says of its policy; the rest of it does not matter here."""

    style: Style
    num_actions: int
    max_prompt_tokens: int
    max_new_tokens: int


def agent_of(name: str, *, temperature: float) -> AgentMaker:
    """Return what makes the agent of that name: a folder's model, or a scripted agent.

    Raises:
        UnknownNameError: If it is neither a folder nor the name of an agent.
        ConfigError: If the folder holds no model, or no run with a trained one.
        SetupError: If the packages for models are not installed.
    """
    path = Path(name)
    return _model_agent(path, temperature) if path.is_dir() else find_agent(name)


def model_folder(path: Path) -> Path:
    """Return the folder of the model: the folder itself, or the newest one of a run.

    Raises:
        ConfigError: If it is a run that has trained nothing yet.
    """
    if _policy_of(path) is None:
        return path
    found = [*sorted(path.glob("checkpoints/step-*"), reverse=True), path / "sft"]
    for folder in found:
        if folder.is_dir():
            return folder
    raise ConfigError(f"run folder {str(path)!r}: holds no trained model yet")


def prompt_settings(path: Path) -> tuple[Prompt, int]:
    """Return how the model was trained to be asked, and how long its actions may be.

    That stands in the config of the run in which the folder lies; a model from elsewhere is taken
    for a chat model.
    """
    for folder in (path, *path.absolute().parents[:2]):
        if policy := _policy_of(folder):
            prompt = Prompt(
                style=policy.style,
                num_actions=policy.num_actions,
                max_tokens=policy.max_prompt_tokens,
            )
            return prompt, policy.max_new_tokens
    return Prompt(style=Style.CHAT, max_tokens=8192), 256


def _policy_of(folder: Path) -> _Policy | None:
    try:
        config = json.loads((folder / RUN_CONFIG).read_text(encoding="utf-8"))
        return _Policy.model_validate(config["policy"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return None


def _model_agent(path: Path, temperature: float) -> AgentMaker:
    folder = model_folder(path)
    prompt, max_new_tokens = prompt_settings(folder)
    try:
        from cairn.agents.engines.hf import HFEngine
        from cairn.trainers.model import load_model, load_tokenizer
    except ModuleNotFoundError as error:
        raise missing_extra(error) from None
    tokenizer: Any = load_tokenizer(folder)
    engine = HFEngine(load_model(folder), stop_ids=[tokenizer.eos_token_id], max_batch=MAX_BATCH)
    params = SamplingParams(temperature=temperature, max_new_tokens=max_new_tokens)

    def make(env: Env) -> Agent:
        seed = random.Random(f"{env.task.id} {env.seed}").randrange(2**31)
        return LLMAgent(
            engine=engine,
            tokenizer=tokenizer,
            prompt=prompt,
            params=replace(params, seed=seed),
        )

    return make


def missing_extra(error: ModuleNotFoundError) -> SetupError:
    """Return what to say when a package of the train extra is missing."""
    return SetupError(f"models need {error.name!r}; run: pip install 'cairn-gym[train]'")
