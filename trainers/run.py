"""A whole training run: model, browser, demonstrations, fine-tuning, reinforcement learning."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from cairn.agents.engine import SamplingParams
from cairn.agents.engines.hf import HFEngine
from cairn.agents.llm import Prompt
from cairn.agents.rollout import Request, run_all
from cairn.agents.scripted import AGENTS
from cairn.agents.trajectory import Trajectory
from cairn.envs.registry import Split, find_tasks, split_seed
from cairn.envs.task import Task
from cairn.sandbox.sandbox import Sandbox
from cairn.trainers.collect import Collect, EpisodeRequest, browser_collector
from cairn.trainers.config import TrainConfig
from cairn.trainers.errors import TrainingError
from cairn.trainers.grpo import GrpoTrainer, Iteration
from cairn.trainers.learner import Learner
from cairn.trainers.metrics import Metrics
from cairn.trainers.model import load_model, load_tokenizer, with_lora
from cairn.trainers.sft import SftConfig, SftEpoch, demonstration_samples, train_sft

# Demonstrations take the split's first instances, validation the next, episodes later ones.
FIRST_VALIDATION_SEED = 500
MAX_DEMONSTRATION_VOIDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """What is told of a run's progress; each may be a display, a log, or nothing."""

    on_epoch: Callable[[SftEpoch], None] = lambda _: None
    on_iteration: Callable[[Iteration], None] = lambda _: None


async def train(
    config: TrainConfig,
    sandbox: Sandbox,
    folder: Path,
    *,
    is_resumed: bool = False,
    watcher: Watcher | None = None,
) -> Path:
    """Run what the configuration asks for.

    Args:
        config: The run.
        sandbox: Where episodes happen.
        folder: The run folder; takes metrics, checkpoints and the models.
        is_resumed: Take up at the newest checkpoint; fine-tuning is not done again.
        watcher: Told of the progress.

    Returns:
        The folder of the last model, `folder/model`.

    Raises:
        ConfigError: If the model cannot be loaded or there is nothing to resume.
        TrainingError: If training cannot go on.
    """
    watcher = watcher or Watcher()
    tokenizer = load_tokenizer(config.model)
    model: Any = load_model(config.model)
    if torch.cuda.is_available():
        model = model.to("cuda")
    if config.lora is not None:
        model = with_lora(model, config.lora)
    engine = HFEngine(model, stop_ids=[tokenizer.eos_token_id], max_batch=config.sampling.max_batch)
    tasks = {task.id: task for task in find_tasks(config.tasks, suite=config.suite)}
    collect = browser_collector(
        sandbox,
        engine,
        tokenizer,
        tasks=tasks,
        prompt=prompt_of(config),
        params=params_of(config),
        concurrency=config.sampling.concurrency,
    )
    if config.sft is not None and not is_resumed:
        demonstrations = await collect_demonstrations(
            sandbox, list(tasks.values()), config.sft.demonstrations
        )
        samples = demonstration_samples(demonstrations, tokenizer, prompt_of(config))
        learner = Learner(model, config.sft.learner, dump_folder=folder)
        with Metrics(folder / "sft") as metrics:

            def on_epoch(epoch: SftEpoch) -> None:
                metrics.write(epoch.epoch, sft_values(epoch))
                watcher.on_epoch(epoch)

            await train_sft(
                learner,
                samples,
                config.sft,
                validate=lambda: success_rate(collect, validation_requests(config.sft, tasks)),
                seed=config.seed,
                on_epoch=on_epoch,
            )
        save_model(model, tokenizer, folder / "sft" / "model")
    if config.grpo is not None:
        learner = Learner(
            model,
            config.grpo.learner,
            temperature=config.sampling.temperature,
            with_reference=config.algorithm.kl_weight > 0,
            dump_folder=folder,
        )
        trainer = GrpoTrainer(
            learner=learner,
            engine=engine,
            collect=collect,
            tokenizer=tokenizer,
            algorithm=config.algorithm,
            config=config.grpo,
            tasks=list(tasks),
            seed=config.seed,
            folder=folder,
        )
        if is_resumed:
            trainer.resume()
        await trainer.run(watcher.on_iteration)
    save_model(model, tokenizer, folder / "model")
    return folder / "model"


def prompt_of(config: TrainConfig) -> Prompt:
    """Return the prompt that a configuration describes."""
    return Prompt(**config.prompt.model_dump())


def params_of(config: TrainConfig) -> SamplingParams:
    """Return the sampling that a configuration describes."""
    return SamplingParams(
        temperature=config.sampling.temperature, max_new_tokens=config.sampling.max_new_tokens
    )


async def collect_demonstrations(
    sandbox: Sandbox, tasks: Sequence[Task[Any]], num_each: int, *, concurrency: int = 4
) -> list[Trajectory]:
    """Let the oracle solve the train split's first instances of each task.

    Raises:
        TrainingError: If one of its episodes is void twice.
    """
    requests = [
        Request(task=task, seed=split_seed(Split.TRAIN, i), make_agent=AGENTS["oracle"])
        for task in tasks
        for i in range(num_each)
    ]
    done: dict[int, Trajectory] = {}
    for _ in range(2):
        missing = [i for i in range(len(requests)) if i not in done]
        some = [requests[i] for i in missing]
        async for position, trajectory in run_all(sandbox, some, concurrency=concurrency):
            if trajectory.void is None:
                done[missing[position]] = trajectory
    if len(done) < len(requests):
        raise TrainingError(f"{len(requests) - len(done)} oracle episodes are void twice")
    return [done[i] for i in range(len(requests))]


def validation_requests(config: SftConfig, tasks: Mapping[str, Task[Any]]) -> list[EpisodeRequest]:
    """Return the episodes of a validation: instances of the train split without demonstration."""
    return [
        EpisodeRequest(
            task=task,
            seed=split_seed(Split.TRAIN, FIRST_VALIDATION_SEED + i),
            sampling_seed=random.Random(f"validation:{task}:{i}").randrange(2**31),
        )
        for task in tasks
        for i in range(config.validation_instances)
    ]


async def success_rate(collect: Collect, requests: Sequence[EpisodeRequest]) -> float:
    """Run episodes and return the share of successes among the valid ones.

    Raises:
        TrainingError: If all are void.
    """
    valid = [t for t in await collect(requests) if t.void is None]
    if not valid:
        raise TrainingError(f"all {len(requests)} validation episodes are void")
    return sum(t.is_success is True for t in valid) / len(valid)


def sft_values(epoch: SftEpoch) -> dict[str, float]:
    """Return an epoch's figures by name."""
    values = {"loss": epoch.loss, "wall_s": epoch.wall_s}
    return values if epoch.success is None else values | {"success": epoch.success}


def save_model(model: Any, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write a model with its tokenizer, ready to load."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
