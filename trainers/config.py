"""What a training run is: read from TOML, changed by `--set`."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cairn.agents.llm import Style
from cairn.sandbox.errors import ConfigError
from cairn.trainers.algorithm import Algorithm, algorithm_of
from cairn.trainers.grpo import GrpoConfig
from cairn.trainers.model import LoraSettings
from cairn.trainers.sft import SftConfig


class PromptConfig(BaseModel):
    """See `cairn.agents.llm.Prompt`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    style: Style = Style.CHAT
    num_actions: int = Field(default=1, ge=0)
    max_tokens: int = Field(default=1024, ge=16)


class SamplingConfig(BaseModel):
    """How actions are sampled while training and validating.

    Attributes:
        temperature: Divides the logits.
        max_new_tokens: Of one action.
        concurrency: Episodes at a time.
        max_batch: Distinct prompts the engine reads at a time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(default=1.0, gt=0)
    max_new_tokens: int = Field(default=64, ge=1)
    concurrency: int = Field(default=16, ge=1)
    max_batch: int = Field(default=32, ge=1)


class TrainConfig(BaseModel):
    """A run: fine-tuning on demonstrations, then reinforcement learning; either may be absent.

    Attributes:
        model: Folder of the model to start from.
        tasks: Ids of the tasks; empty means the suite.
        suite: Used when no task is named.
        seed: Of everything random.
        prompt: How episodes become prompts.
        sampling: How actions are sampled.
        lora: Train adapters instead of all weights; None trains all.
        sft: Fine-tuning on demonstrations.
        grpo: Reinforcement learning.
        algorithm: Of the reinforcement learning; in TOML a `preset` and what differs from it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Path
    tasks: tuple[str, ...] = ()
    suite: str = "demo"
    seed: int = 0
    prompt: PromptConfig = PromptConfig()
    sampling: SamplingConfig = SamplingConfig()
    lora: LoraSettings | None = None
    sft: SftConfig | None = None
    grpo: GrpoConfig | None = None
    algorithm: Algorithm = Algorithm()

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, data: Any) -> Any:
        algorithm = data.get("algorithm") if isinstance(data, Mapping) else None
        if not isinstance(algorithm, Mapping) or "preset" not in algorithm:
            return data
        own = {name: value for name, value in algorithm.items() if name != "preset"}
        preset = algorithm_of(str(algorithm["preset"])).model_dump()
        return {**data, "algorithm": preset | own}

    @model_validator(mode="after")
    def _check_something_to_do(self) -> Self:
        if self.sft is None and self.grpo is None:
            raise ValueError("nothing to do: give a [sft] or a [grpo] section")
        return self


def load_config(path: Path, changes: Sequence[str] = ()) -> TrainConfig:
    """Read a configuration.

    Args:
        path: TOML file.
        changes: `section.key=value`, the value in TOML; a bare word is taken as a string.

    Raises:
        ConfigError: If the file or a change cannot be read or breaks a rule; names the key.
    """
    try:
        data = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"config {str(path)!r} cannot be read: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"config {str(path)!r} is not TOML: {error}") from error
    for change in changes:
        _apply(data, change)
    try:
        return TrainConfig.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"])) or "config"
        raise ConfigError(f"config {str(path)!r}: {key}: {first['msg']}") from error


def _apply(data: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    *sections, name = key.strip().split(".")
    if not equals or not name:
        raise ConfigError(f"--set {change!r}: write section.key=value")
    for section in sections:
        data = data.setdefault(section, {})
        if not isinstance(data, dict):
            raise ConfigError(f"--set {change!r}: {section!r} is not a section")
    try:
        data[name] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        data[name] = text.strip()
