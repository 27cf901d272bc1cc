"""The settings of a training run, read from TOML."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cairn.agents.llm import Style
from cairn.sandbox.errors import ConfigError
from cairn.trainers.algorithm import Algorithm, algorithm_of
from cairn.trainers.grpo import GrpoConfig
from cairn.trainers.model import LoraSettings
from cairn.trainers.sft import SftConfig


class PolicyConfig(BaseModel):
    """The language model that acts.

    Attributes:
        model: Folder of a Hugging Face causal language model; relative to the config file.
        style: How prompts are written.
        num_actions: How many of the last actions a prompt shows.
        max_prompt_tokens: Longer prompts lose page lines.
        max_new_tokens: Length of an action.
        lora: Train adapters instead of all weights.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Path
    style: Style = Style.PLAIN
    num_actions: int = Field(default=1, ge=0)
    max_prompt_tokens: int = Field(default=1024, ge=16)
    max_new_tokens: int = Field(default=24, ge=1)
    lora: LoraSettings | None = None


class EvaluationConfig(BaseModel):
    """How the policy is measured before and after.

    Attributes:
        instances: Held-out instances of each task.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    instances: int = Field(default=10, ge=1)


class RunConfig(BaseModel):
    """A whole run: demonstrations, cloning, evaluation, reinforcement, evaluation.

    Attributes:
        out: Run folder.
        suite: Name of a suite.
        seed: Decides everything that is drawn, sampled or shuffled.
        concurrency: Episodes at a time.
        threads: Threads of a forward pass on a CPU; None leaves torch's choice.
        policy: The model.
        sft: Cloning.
        algorithm: Preset of the policy update.
        override: Fields of the preset to change.
        grpo: Reinforcement.
        evaluation: Measuring.
        control: Also spend the time of the reinforcement on more cloning, for comparison.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    out: Path
    suite: str = "demo"
    seed: int = Field(default=0, ge=0)
    concurrency: int = Field(default=32, ge=1, le=256)
    threads: int | None = Field(default=None, ge=1)
    policy: PolicyConfig
    sft: SftConfig = SftConfig()
    algorithm: str = "grpo"
    override: dict[str, Any] = Field(default_factory=dict)
    grpo: GrpoConfig = GrpoConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    control: bool = False

    def full_algorithm(self) -> Algorithm:
        """Return the preset with its overrides.

        Raises:
            UnknownNameError: If there is no such preset.
            ConfigError: If an override is not a field of an algorithm.
        """
        preset = algorithm_of(self.algorithm)
        try:
            return Algorithm.model_validate(preset.model_dump() | self.override)
        except ValidationError as error:
            raise ConfigError(f"override: {_first_problem(error, Algorithm)}") from None


def read_run_config(path: Path, settings: Sequence[str] = ()) -> RunConfig:
    """Read a run's settings.

    Args:
        path: TOML file.
        settings: `a.b=value` each, stronger than the file; the value is TOML, or else a string.

    Raises:
        ConfigError: If the file cannot be read, or a key or value is not allowed; names it.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"config {str(path)!r}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"config {str(path)!r}: not TOML: {error}") from None
    for setting in settings:
        _set(values, setting)
    try:
        config = RunConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"config {str(path)!r}: {_first_problem(error, RunConfig)}") from None
    config.full_algorithm()
    policy = config.policy.model_copy(update={"model": path.parent / config.policy.model})
    return config.model_copy(update={"policy": policy})


def _set(values: dict[str, Any], setting: str) -> None:
    key, equals, text = setting.partition("=")
    *tables, name = key.strip().split(".")
    if not equals or not name:
        raise ConfigError(f"--set {setting!r}: write a.b=value")
    for table in tables:
        values = values.setdefault(table, {})
        if not isinstance(values, dict):
            raise ConfigError(f"--set {setting!r}: {table!r} is a value, not a table")
    try:
        values[name] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        values[name] = text


def _first_problem(error: ValidationError, model: type[BaseModel]) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"no setting {where!r}{_hint(first['loc'], model)}"
    if first["type"] == "missing":
        return f"{where}: must be set"
    return f"{where}: {first['msg']}, got {first['input']!r}"


def _hint(loc: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """Return the settings that the table of a wrong key has."""
    for part in loc[:-1]:
        kind = model.model_fields[str(part)].annotation
        tables = [k for k in (kind, *get_args(kind)) if isinstance(k, type)]
        model = next(k for k in tables if issubclass(k, BaseModel))
    return f"; there are {', '.join(model.model_fields)}"
