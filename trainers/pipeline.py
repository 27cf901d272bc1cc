"""A whole training run: demonstrations, cloning, reinforcement, and what each of them gained."""

import json
import random
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from cairn.agents.collect import collect as collect_episodes
from cairn.agents.engine import SamplingParams
from cairn.agents.engines.hf import HFEngine
from cairn.agents.episodes import FILE_NAME as EPISODE_FILE
from cairn.agents.episodes import read_run
from cairn.agents.evaluation import FILE_NAME as RESULTS_FILE
from cairn.agents.evaluation import (
    Evaluation,
    Result,
    compare,
    read_results,
    result_of,
    summarize,
    write_results,
)
from cairn.agents.llm import Prompt
from cairn.agents.rollout import Request
from cairn.agents.run_folder import write_whole
from cairn.agents.scripted import OracleAgent
from cairn.agents.trajectory import Trajectory
from cairn.envs.registry import Split, find_tasks, split_seed
from cairn.sandbox.errors import ConfigError
from cairn.sandbox.sandbox import Sandbox
from cairn.trainers.collect import EpisodeRequest, browser_collector
from cairn.trainers.curve import plot_curve
from cairn.trainers.errors import TrainingError
from cairn.trainers.grpo import GrpoTrainer, Iteration
from cairn.trainers.learner import Learner
from cairn.trainers.metrics import read_metrics
from cairn.trainers.model import load_model, load_tokenizer, with_lora
from cairn.trainers.renaming import Renamer
from cairn.trainers.run_config import RunConfig
from cairn.trainers.sft import SftEpoch, demonstration_samples, train_sft

SUMMARY_FILE = "summary.json"
CURVE_FILE = "curve.png"
VALIDATION_FIRST_SEED = 500
"""Where the train split's instances for validation begin, after those of the demonstrations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a run reports while it goes on.

    Attributes:
        stage: Name of the stage.
        text: What happened, for a person.
        share: How much of the stage is done, in [0, 1]; None when not known.
    """

    stage: str
    text: str
    share: float | None = None


Report = Callable[[Progress], None]


class Run:
    """Trains a policy as its config says, in one run folder.

    Each stage leaves a file or a folder; a run that is resumed takes up after the last one, and
    within the reinforcement at its newest checkpoint.
    """

    def __init__(self, config: RunConfig, sandbox: Sandbox, report: Report) -> None:
        self._config = config
        self._sandbox = sandbox
        self._report = report
        self._tasks = {task.id: task for task in find_tasks((), suite=config.suite)}
        self._tokenizer: Any = load_tokenizer(config.policy.model)
        self._prompt = Prompt(
            style=config.policy.style,
            num_actions=config.policy.num_actions,
            max_tokens=config.policy.max_prompt_tokens,
        )
        self._num_void = 0
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self._use(self._fresh_model())

    async def train(self) -> dict[str, Any]:
        """Run all stages and return the summary, which is also written to `summary.json`."""
        started = time.perf_counter()
        demonstrations = await self._demonstrations()
        await self._clone(demonstrations)
        before = await self._evaluate("before", temperature=1.0)
        greedy_before = await self._evaluate("greedy-before", temperature=0.0)
        trainer = await self._reinforce()
        after = await self._evaluate("after", temperature=1.0)
        greedy_after = await self._evaluate("greedy-after", temperature=0.0)
        wall_s = time.perf_counter() - started
        control = await self._control(demonstrations, trainer.wall_s)
        gain = compare(after, before)
        iterations = read_metrics(self._folder)
        summary = {
            "success_before": _success(before),
            "success_after": _success(after),
            "success_control": None if control is None else _success(control),
            "greedy_before": _success(greedy_before),
            "greedy_after": _success(greedy_after),
            "gain": gain.difference,
            "gain_ci95": [gain.interval.low, gain.interval.high],
            "eval_episodes": gain.num_pairs,
            "demonstrations": len(demonstrations),
            "train_episodes": sum(int(record["episodes"]) for record in iterations),
            "void": self._num_void + sum(int(record["void"]) for record in iterations),
            "wall_s": round(wall_s, 1),
            "train_wall_s": round(trainer.wall_s, 1),
            "train_seed": self._config.seed,
        }
        write_whole(self._folder / SUMMARY_FILE, json.dumps(summary, indent=2) + "\n")
        plot_curve(iterations, summary, self._folder / CURVE_FILE)
        return summary

    @property
    def _folder(self) -> Path:
        return self._config.out

    def _fresh_model(self) -> Any:
        model: Any = load_model(self._config.policy.model)
        model = model.to("cuda" if torch.cuda.is_available() else "cpu")
        lora = self._config.policy.lora
        return model if lora is None else with_lora(model, lora)

    def _use(self, model: Any) -> None:
        """Let this model act and learn from now on."""
        self._model = model
        stop_ids = [self._tokenizer.eos_token_id]
        self._engine = HFEngine(model, stop_ids=stop_ids, max_batch=self._config.concurrency)

    def _collector(self, temperature: float) -> Any:
        max_new = self._config.policy.max_new_tokens
        return browser_collector(
            self._sandbox,
            self._engine,
            self._tokenizer,
            tasks=self._tasks,
            prompt=self._prompt,
            params=SamplingParams(temperature=temperature, max_new_tokens=max_new),
            concurrency=self._config.concurrency,
        )

    async def _demonstrations(self) -> list[Trajectory]:
        """Return the oracle's valid episodes, the same for every seed of the run."""
        folder = self._folder / "demonstrations"
        wanted = self._config.sft.demonstrations * len(self._tasks)
        if len(_valid(_played(folder))) < wanted:
            shutil.rmtree(folder, ignore_errors=True)
            await self._collect_demonstrations(folder, wanted)
        played = _played(folder)
        valid = _valid(played)
        self._num_void += len(played) - len(valid)
        # Sorted, for the order in which episodes ended must not decide the order of the samples.
        return sorted(valid, key=lambda trajectory: (trajectory.task, trajectory.seed))

    async def _collect_demonstrations(self, folder: Path, wanted: int) -> None:
        requests = [
            Request(task=task, seed=split_seed(Split.TRAIN, index), make_agent=OracleAgent)
            for task in self._tasks.values()
            for index in range(self._config.sft.demonstrations)
        ]
        done: set[int] = set()
        async for position, _ in collect_episodes(
            self._sandbox, requests, run=folder, agent="oracle", concurrency=8
        ):
            done.add(position)
            self._tell("collect", f"{len(done)} demonstrations", len(done) / wanted)

    async def _clone(self, demonstrations: Sequence[Trajectory]) -> None:
        folder = self._folder / "sft"
        if folder.is_dir():
            self._load(folder)
            return
        await self._train_sft(demonstrations, max_wall_s=self._config.sft.max_wall_s, stage="sft")
        _save(self._model, self._tokenizer, folder)

    async def _train_sft(
        self, demonstrations: Sequence[Trajectory], *, max_wall_s: float | None, stage: str
    ) -> None:
        config = self._config.sft.model_copy(update={"max_wall_s": max_wall_s})
        if stage == "control":
            config = config.model_copy(update={"patience": None, "max_epochs": 10**6})

        def tell(epoch: SftEpoch) -> None:
            shown = "" if epoch.success is None else f", validation success {epoch.success:.0%}"
            self._tell(stage, f"epoch {epoch.epoch}: loss {epoch.loss:.3f}{shown}")

        await train_sft(
            Learner(self._model, config.learner),
            demonstration_samples(demonstrations, self._tokenizer, self._prompt),
            config,
            validate=self._validate,
            seed=self._config.seed,
            renamer=Renamer(self._tokenizer, share=config.rename_share)
            if config.rename_share
            else None,
            on_epoch=tell,
        )

    async def _validate(self) -> float:
        """Measure success on instances of the train split that nothing else uses."""
        seeds = range(
            VALIDATION_FIRST_SEED, VALIDATION_FIRST_SEED + self._config.sft.validation_instances
        )
        results = await self._play(Split.TRAIN, seeds, temperature=1.0)
        return _success(results)

    async def _evaluate(self, name: str, *, temperature: float) -> list[Result]:
        """Play the held-out instances, the same ones every time, or return what came of it."""
        if (kept := self._kept_results(name)) is not None:
            return kept
        folder = self._results_file(name).parent
        seeds = range(self._config.evaluation.instances)
        self._tell(name, f"{len(seeds) * len(self._tasks)} held-out instances")
        results = await self._play(Split.TEST_SEEDS, seeds, temperature=temperature)
        folder.mkdir(parents=True, exist_ok=True)
        evaluation = Evaluation(
            agent=f"{self._folder.name}, {name}",
            suite=self._config.suite,
            split=Split.TEST_SEEDS,
            results=tuple(results),
        )
        write_results(folder, evaluation)
        self._tell(name, f"success {_success(results):.0%}", 1.0)
        return results

    def _results_file(self, name: str) -> Path:
        return self._folder / "evaluations" / name / RESULTS_FILE

    def _kept_results(self, name: str) -> list[Result] | None:
        path = self._results_file(name)
        return list(read_results(path).results) if path.is_file() else None

    async def _play(
        self, split: Split, seeds: Sequence[int], *, temperature: float
    ) -> list[Result]:
        """Play instances with the model as it is; a void one is tried once more."""
        requests = [
            EpisodeRequest(
                task=task,
                seed=split_seed(split, index),
                sampling_seed=random.Random(f"play {self._config.seed} {task} {index}").randrange(
                    2**31
                ),
            )
            for task in self._tasks
            for index in seeds
        ]
        collect = self._collector(temperature)
        played = await collect(requests)
        void = [position for position, t in enumerate(played) if t.void is not None]
        self._num_void += len(void)
        if void:
            again = await collect([requests[position] for position in void])
            for position, trajectory in zip(void, again, strict=True):
                played[position] = trajectory
        return [result_of(trajectory) for trajectory in played]

    async def _reinforce(self) -> GrpoTrainer:
        algorithm = self._config.full_algorithm()
        trainer = GrpoTrainer(
            learner=Learner(
                self._model,
                self._config.grpo.learner,
                with_reference=algorithm.kl_weight > 0,
                dump_folder=self._folder / "bad-batches",
            ),
            engine=self._engine,
            collect=self._collector(1.0),
            tokenizer=self._tokenizer,
            algorithm=algorithm,
            config=self._config.grpo,
            tasks=list(self._tasks),
            seed=self._config.seed,
            folder=self._folder,
        )
        if any((self._folder / "checkpoints").glob("step-*")):
            trainer.resume()

        def tell(iteration: Iteration) -> None:
            values = iteration.values
            limit_s = self._config.grpo.max_wall_s
            share = iteration.step / self._config.grpo.max_iterations
            self._tell(
                "grpo",
                f"iteration {iteration.step}: success {values['success']:.0%}, "
                f"return {values['return']:.2f}, {values['turns']:.1f} turns, "
                f"{values['collect_s']:.1f} + {values['learn_s']:.1f} s",
                share if limit_s is None else min(1.0, trainer.wall_s / limit_s),
            )

        # Asked again, a trainer stopped by the clock might still find time for an iteration.
        if self._kept_results("after") is None:
            await trainer.run(tell)
        return trainer

    async def _control(
        self, demonstrations: Sequence[Trajectory], wall_s: float
    ) -> list[Result] | None:
        """Spend the reinforcement's time on more cloning, from where it began."""
        if not self._config.control:
            return None
        if (kept := self._kept_results("control")) is not None:
            return kept
        self._load(self._folder / "sft")
        await self._train_sft(demonstrations, max_wall_s=wall_s, stage="control")
        return await self._evaluate("control", temperature=1.0)

    def _load(self, folder: Path) -> None:
        model = self._fresh_model()
        state = torch.load(folder / "weights.pt", map_location=model.device, weights_only=True)
        model.load_state_dict(state, strict=False)
        self._use(model)

    def _tell(self, stage: str, text: str, share: float | None = None) -> None:
        self._report(Progress(stage=stage, text=text, share=share))


def prepare_folder(config: RunConfig, *, resume: bool) -> None:
    """Make the run folder, or see that the one to resume is of this config.

    Raises:
        ConfigError: If it holds another run, nothing to resume, or cannot be written.
    """
    folder, written = config.out, config.out / "config.json"
    text = config.model_dump_json(indent=2) + "\n"
    if resume:
        if not written.is_file():
            raise ConfigError(f"run folder {str(folder)!r}: holds no run to resume")
        if _settings(written.read_text(encoding="utf-8")) != _settings(text):
            raise ConfigError(f"run folder {str(folder)!r}: was begun with another config")
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ConfigError(
                f"run folder {str(folder)!r}: is not empty; --resume it, remove it, or name "
                "another with --set out=DIR"
            )
        write_whole(written, text)
    except OSError as error:
        raise ConfigError(f"run folder {str(folder)!r}: {error.strerror}") from None


def _settings(text: str) -> dict[str, Any]:
    """Return a config's settings without the place of the folder, which may have been moved."""
    return {name: value for name, value in json.loads(text).items() if name != "out"}


def _save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Save a model so that it loads elsewhere, and so that this run can go on with it."""
    part = folder.with_name(f".{folder.name}.part")
    part.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(part)
    tokenizer.save_pretrained(part)
    named = model.named_parameters()
    torch.save(
        {name: p.detach().cpu() for name, p in named if p.requires_grad}, part / "weights.pt"
    )
    part.replace(folder)


def _success(results: Sequence[Result]) -> float:
    success = summarize("all", results).success
    if success is None:
        raise TrainingError("every episode of an evaluation is void; run `cairn doctor`")
    return success


def _played(folder: Path) -> list[Trajectory]:
    if not any(folder.glob(f"episodes/*/{EPISODE_FILE}")):
        return []
    return [episode.trajectory for episode in read_run(folder)]


def _valid(trajectories: Sequence[Trajectory]) -> list[Trajectory]:
    return [trajectory for trajectory in trajectories if trajectory.void is None]
