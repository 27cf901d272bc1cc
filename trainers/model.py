"""Language models: loading any Hugging Face folder, building the small one, LoRA."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)
from transformers.utils.logging import disable_progress_bar

from cairn.sandbox.errors import ConfigError
from cairn.trainers.induction import ROPE_THETA, put_induction_heads

_LOAD_ERRORS = (OSError, ValueError, KeyError, RuntimeError, SafetensorError)


class SmallModelConfig(BaseModel):
    """Sizes of a small Qwen2 model.

    Attributes:
        hidden_size: Width.
        intermediate_size: Width of the feed-forward part.
        num_layers: Depth.
        num_heads: Attention heads; as many for keys and values.
        initializer_range: Standard deviation of the weights at the start.
        embedding_range: That of the embeddings.
        with_induction_heads: Begin with heads that copy; needs four heads.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden_size: int = Field(ge=16)
    intermediate_size: int = Field(ge=16)
    num_layers: int = Field(ge=1)
    num_heads: int = Field(ge=1)
    initializer_range: float = 0.04
    embedding_range: float = 0.1
    with_induction_heads: bool = False


class LoraSettings(BaseModel):
    """Low-rank adapters on all linear layers.

    Attributes:
        rank: Rank of each adapter.
        alpha: The adapter's output is scaled by `alpha / rank`.
        dropout: Share of the adapter's inputs dropped; 0 keeps sampled and trained log-probs equal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = Field(default=16, ge=1)
    alpha: int = 32
    dropout: float = Field(default=0.0, ge=0, lt=1)


def load_model(folder: Path, *, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """Load a causal language model; nothing is downloaded.

    Raises:
        ConfigError: If the folder is missing or holds no causal language model.
    """
    _require_files(folder, "a model", ("config.json", "adapter_config.json"))
    disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=dtype)
    except _LOAD_ERRORS as error:
        raise ConfigError(
            f"model folder {str(folder)!r} cannot be loaded: {_first_line(error)}"
        ) from error
    if not isinstance(model, PreTrainedModel):
        raise ConfigError(f"model folder {str(folder)!r} holds no causal language model")
    return model


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Load a tokenizer; nothing is downloaded.

    Raises:
        ConfigError: If the folder is missing, holds no tokenizer, or one without a stop token.
    """
    _require_files(folder, "a tokenizer", ("tokenizer.json", "tokenizer_config.json"))
    try:
        loader = _tokenizer_loader(folder)
        tokenizer: PreTrainedTokenizerBase = loader.from_pretrained(folder, local_files_only=True)
    except _LOAD_ERRORS as error:
        raise ConfigError(
            f"model folder {str(folder)!r} has no usable tokenizer: {_first_line(error)}"
        ) from error
    if tokenizer.eos_token_id is None:
        raise ConfigError(
            f"model folder {str(folder)!r}: its tokenizer has no eos_token to stop at"
        )
    return tokenizer


def build_small_model(
    config: SmallModelConfig, tokenizer: PreTrainedTokenizerBase, *, seed: int
) -> Qwen2ForCausalLM:
    """Make an untrained Qwen2 model."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: Qwen2ForCausalLM = Qwen2ForCausalLM(  # type: ignore[no-untyped-call]
            Qwen2Config(
                vocab_size=len(tokenizer),
                hidden_size=config.hidden_size,
                intermediate_size=config.intermediate_size,
                num_hidden_layers=config.num_layers,
                num_attention_heads=config.num_heads,
                num_key_value_heads=config.num_heads,
                initializer_range=config.initializer_range,
                max_position_embeddings=2048,
                tie_word_embeddings=True,
                rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA},
                bos_token_id=None,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        )
        torch.nn.init.normal_(model.model.embed_tokens.weight, std=config.embedding_range)
    if config.with_induction_heads:
        put_induction_heads(model, seed=seed)
    return model


def with_lora(model: PreTrainedModel, settings: LoraSettings) -> Any:
    """Wrap a model so that only adapters train; the base's weights stay as they are."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def _tokenizer_loader(folder: Path) -> Any:
    """Return the class to load a tokenizer with.

    `AutoTokenizer` gives a Qwen2 model the splitting rules of the Qwen2 checkpoints, whatever
    `tokenizer.json` says; a folder whose tokenizer is of the general class means what it says.
    """
    path = folder / "tokenizer_config.json"
    named = json.loads(path.read_text()).get("tokenizer_class") if path.is_file() else None
    is_general = named in {"PreTrainedTokenizerFast", "TokenizersBackend"}
    return PreTrainedTokenizerFast if is_general else AutoTokenizer


def _require_files(folder: Path, content: str, names: Sequence[str]) -> None:
    if not folder.is_dir():
        raise ConfigError(
            f"model folder {str(folder)!r} does not exist; give a folder with config.json, "
            "model.safetensors and tokenizer.json"
        )
    if not any((folder / name).is_file() for name in names):
        raise ConfigError(f"model folder {str(folder)!r} holds no {names[0]}, so not {content}")


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
