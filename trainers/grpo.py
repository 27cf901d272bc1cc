"""Group-relative policy optimisation from live episodes.

Axes: G episodes of one instance, T turns.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from pydantic import BaseModel, ConfigDict, Field
from transformers import PreTrainedTokenizerBase

from cairn.agents.engines.hf import HFEngine
from cairn.agents.trajectory import Trajectory
from cairn.trainers.algorithm import Aggregation, Algorithm
from cairn.trainers.batching import token_weights
from cairn.trainers.checkpoint import LoopState, latest_checkpoint, load_checkpoint, save_checkpoint
from cairn.trainers.collect import Collect, EpisodeRequest
from cairn.trainers.credit import differs, group_credit
from cairn.trainers.curriculum import Curriculum
from cairn.trainers.errors import TrainingError
from cairn.trainers.learner import Learner, LearnerConfig, StepReport
from cairn.trainers.metrics import Metrics
from cairn.trainers.objective import imitation, policy_objective
from cairn.trainers.replay import Successes
from cairn.trainers.samples import Sample, samples_of

NUM_CANARY_SAMPLES = 16
MAX_SEED = 2**31


class GrpoConfig(BaseModel):
    """How a policy improves from episodes.

    Attributes:
        learner: How weights are changed.
        num_groups: Instances an iteration.
        group_size: Episodes of each instance.
        epochs: Passes over an iteration's samples.
        batch_size: Samples an optimiser step.
        imitation_steps: Optimiser steps an iteration on the latest successful turns of the run
            itself (see `Successes`); 0 leaves that out.
        imitation_memory: So many successful turns are kept.
        max_iterations: At most so many iterations.
        max_wall_s: No iteration begins that would probably end later than this; None: no limit.
        last_learning_rate: The share of the learning rate that is left at the end, by iterations or
            by time, whichever ends first; it falls in a straight line.
        first_seed: Instances of the train split begin here; demonstrations come before.
        max_void_share: More void episodes than this share of an iteration's stop the run.
        max_logprob_gap: Mean difference, in nats, between the engine's and the learner's log-probs
            above which the run stops: they would then be of different weights.
        checkpoint_every: Iterations between two checkpoints.
        fixed_tokens: Length that the aggregation `fixed` divides by.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    learner: LearnerConfig = LearnerConfig()
    num_groups: int = Field(default=16, ge=1)
    group_size: int = Field(default=8, ge=1)
    epochs: int = Field(default=2, ge=1)
    batch_size: int = Field(default=64, ge=1)
    imitation_steps: int = Field(default=0, ge=0)
    imitation_memory: int = Field(default=4096, ge=1)
    max_iterations: int = Field(default=1000, ge=1)
    max_wall_s: float | None = Field(default=None, gt=0)
    last_learning_rate: float = Field(default=1.0, ge=0, le=1)
    first_seed: int = Field(default=1000, ge=0)
    max_void_share: float = Field(default=0.25, ge=0, le=1)
    max_logprob_gap: float = Field(default=0.05, gt=0)
    checkpoint_every: int = Field(default=10, ge=1)
    fixed_tokens: float = Field(default=64.0, gt=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Iteration:
    """What one iteration did.

    Attributes:
        step: Counted from 1.
        values: Figures by name, as recorded in the metrics.
    """

    step: int
    values: dict[str, float]


class GrpoTrainer:
    """Collects groups, scores them, learns, publishes; again and again.

    Attributes:
        step: Iterations done.
        wall_s: Time they took, over all resumptions.
    """

    def __init__(
        self,
        *,
        learner: Learner,
        engine: HFEngine,
        collect: Collect,
        tokenizer: PreTrainedTokenizerBase,
        algorithm: Algorithm,
        config: GrpoConfig,
        tasks: Sequence[str],
        seed: int,
        folder: Path,
    ) -> None:
        """Begin.

        Args:
            learner: Learns.
            engine: Serves the learner's model.
            collect: Runs episodes with that engine.
            tokenizer: Saved with the checkpoints.
            algorithm: What an update is made of.
            config: Sizes and limits.
            tasks: Ids of the tasks to train on.
            seed: Of the choice of tasks, the sampling and the order of samples.
            folder: The run folder.
        """
        self.step = 0
        self.wall_s = 0.0
        self._learner = learner
        self._engine = engine
        self._collect = collect
        self._tokenizer = tokenizer
        self._algorithm = algorithm
        self._objective = policy_objective(algorithm)
        self._config = config
        self._curriculum = Curriculum(tasks)
        self._successes = Successes(config.imitation_memory)
        self._next_seed: Counter[str] = Counter(dict.fromkeys(tasks, config.first_seed))
        self._seed = seed
        self._rng = random.Random(seed)
        self._folder = folder

    def resume(self) -> None:
        """Take up at the newest checkpoint of the run folder.

        Raises:
            ConfigError: If there is none, or it is of another model.
        """
        path = latest_checkpoint(self._folder / "checkpoints")
        state = load_checkpoint(path, learner=self._learner, rng=self._rng)
        self.step = state.step
        self.wall_s = state.values["wall_s"]
        self._curriculum.load_state(state.values["curriculum"])
        self._next_seed = Counter(state.values["next_seed"])
        self._successes.load_state(state.values["successes"])
        self._engine.publish(self.step)

    async def run(self, on_iteration: Callable[[Iteration], None] = lambda _: None) -> None:
        """Iterate until the limit of iterations or of time, and save the last weights.

        Raises:
            TrainingError: If too many episodes are void, gradients stay non-finite, or engine and
                learner disagree.
        """
        last_s = 0.0
        with Metrics(self._folder, first_step=self.step + 1) as metrics:
            while self.step < self._config.max_iterations and not self._is_late(last_s):
                started = time.perf_counter()
                values = await self._iterate()
                self.step += 1
                last_s = time.perf_counter() - started
                self.wall_s += last_s
                iteration = Iteration(step=self.step, values=values | {"wall_s": self.wall_s})
                metrics.write(self.step, iteration.values)
                on_iteration(iteration)
                if self.step % self._config.checkpoint_every == 0:
                    self.save()
        if self.step % self._config.checkpoint_every:
            self.save()

    def save(self) -> Path:
        """Write a checkpoint."""
        values = {
            "wall_s": self.wall_s,
            "curriculum": self._curriculum.state(),
            "next_seed": dict(self._next_seed),
            "successes": self._successes.state(),
        }
        return save_checkpoint(
            self._folder / "checkpoints",
            learner=self._learner,
            tokenizer=self._tokenizer,
            loop=LoopState(step=self.step, values=values),
            rng=self._rng,
        )

    async def _iterate(self) -> dict[str, float]:
        started = time.perf_counter()
        requests = self._requests()
        trajectories = await self._collect(requests)
        collected_s = time.perf_counter() - started
        valid = [t for t in trajectories if t.void is None]
        self._refuse_too_many_voids(trajectories)
        groups = self._groups(trajectories)
        for task, group in groups:
            self._curriculum.observe(task, differs=differs(group, self._algorithm))
        samples = self._samples([group for _, group in groups])
        gap = self._logprob_gap(samples)
        fallen = (1 - self._config.last_learning_rate) * self._progress()
        self._learner.learning_rate_share = 1 - fallen
        reports = self._learn(samples)
        imitated = self._imitate(trajectories)
        self._engine.publish(self.step + 1)
        await self._canary(samples)
        return {
            "return": fmean(t.episode_return for t in valid),
            "success": fmean(t.is_success is True for t in valid),
            "turns": fmean(len(t.turns) for t in valid),
            "episodes": len(valid),
            "void": len(trajectories) - len(valid),
            "differing_groups": sum(differs(group, self._algorithm) for _, group in groups),
            "samples": len(samples),
            "logprob_gap": gap,
            "collect_s": collected_s,
            "learn_s": time.perf_counter() - started - collected_s,
            **_means(reports),
            **imitated,
        }

    def _requests(self) -> list[EpisodeRequest]:
        requests: list[EpisodeRequest] = []
        for group in range(self._config.num_groups):
            task = self._curriculum.draw(self._rng)
            seed = self._next_seed[task]
            self._next_seed[task] += 1
            for member in range(self._config.group_size):
                name = f"{self._seed}:{self.step}:{group}:{member}"
                sampling_seed = random.Random(name).randrange(MAX_SEED)
                requests.append(EpisodeRequest(task=task, seed=seed, sampling_seed=sampling_seed))
        return requests

    def _refuse_too_many_voids(self, trajectories: Sequence[Trajectory]) -> None:
        reasons = [t.void for t in trajectories if t.void is not None]
        if len(reasons) > self._config.max_void_share * len(trajectories):
            raise TrainingError(
                f"{len(reasons)} of {len(trajectories)} episodes are void, too many to train on; "
                f"the last: {reasons[-1]}"
            )

    def _groups(self, trajectories: Sequence[Trajectory]) -> list[tuple[str, list[Trajectory]]]:
        """Return each instance's valid episodes; a group needs two, unless all have one."""
        size = self._config.group_size
        groups: list[tuple[str, list[Trajectory]]] = []
        for start in range(0, len(trajectories), size):
            members = trajectories[start : start + size]
            valid = [t for t in members if t.void is None]
            if len(valid) >= min(2, size):
                groups.append((members[0].task, valid))
        return groups

    def _samples(self, groups: Sequence[Sequence[Trajectory]]) -> list[Sample]:
        samples: list[Sample] = []
        episode = 0
        for group in groups:
            if self._algorithm.drop_equal_groups and not differs(group, self._algorithm):
                continue
            advantage_GT = group_credit(group, self._algorithm)
            for trajectory, advantage_T in zip(group, advantage_GT, strict=True):
                samples += samples_of(
                    trajectory.turns, advantage_per_turn=advantage_T, episode=episode
                )
                episode += 1
        if self._algorithm.kl_weight or self._algorithm.entropy_weight:
            return samples
        # Without an advantage or another term these tokens have no gradient, only cost.
        return [sample for sample in samples if any(sample.advantages)]

    def _learn(self, samples: Sequence[Sample]) -> list[StepReport]:
        reports: list[StepReport] = []
        for _ in range(self._config.epochs):
            order = self._rng.sample(range(len(samples)), len(samples))
            for start in range(0, len(order), self._config.batch_size):
                batch = [samples[i] for i in order[start : start + self._config.batch_size]]
                weights = token_weights(
                    batch, self._algorithm.aggregation, fixed_tokens=self._config.fixed_tokens
                )
                reports.append(self._learner.step(batch, weights, self._objective))
        return reports

    def _imitate(self, trajectories: Sequence[Trajectory]) -> dict[str, float]:
        if self._config.imitation_steps == 0:
            return {}
        self._successes.add(trajectories)
        reports: list[StepReport] = []
        for _ in range(self._config.imitation_steps if len(self._successes) else 0):
            batch = self._successes.draw(self._config.batch_size, self._rng)
            weights = token_weights(batch, Aggregation.TOKEN)
            reports.append(self._learner.step(batch, weights, imitation))
        losses = [report.loss for report in reports if not report.is_skipped]
        return {"imitation_loss": fmean(losses)} if losses else {}

    def _logprob_gap(self, samples: Sequence[Sample]) -> float:
        """Compare the log-probs of the sampling with the learner's before it changes."""
        some = samples[:NUM_CANARY_SAMPLES]
        if not some:
            return 0.0
        gaps: list[float] = []
        for sample, now in zip(some, self._learner.logprobs(some), strict=True):
            then = [
                p
                for p, is_trained in zip(sample.logprobs, sample.is_trained, strict=True)
                if is_trained
            ]
            gaps += [abs(a - b) for a, b in zip(then, now, strict=True)]
        return self._checked_gap(fmean(gaps))

    async def _canary(self, samples: Sequence[Sample]) -> None:
        """Ask the engine for log-probs after a publish: are they those of the new weights?"""
        for sample in samples[:1]:
            all_logprobs = await self._engine.logprobs(sample.ids)
            pairs = zip(all_logprobs, sample.is_trained[1:], strict=True)
            served = [p for p, is_trained in pairs if is_trained]
            [learned] = self._learner.logprobs([sample])
            self._checked_gap(fmean(abs(a - b) for a, b in zip(served, learned, strict=True)))

    def _checked_gap(self, gap: float) -> float:
        if not gap <= self._config.max_logprob_gap:
            raise TrainingError(
                f"engine and learner differ by {gap:.4f} nats a token at version "
                f"{self._engine.version}; max_logprob_gap is {self._config.max_logprob_gap}"
            )
        return gap

    def _progress(self) -> float:
        """Return how much of the run is done, in [0, 1]."""
        limit_s = self._config.max_wall_s
        by_time = 0.0 if limit_s is None else self.wall_s / limit_s
        return min(1.0, max(by_time, self.step / self._config.max_iterations))

    def _is_late(self, last_s: float) -> bool:
        limit_s = self._config.max_wall_s
        return limit_s is not None and self.wall_s + last_s > limit_s


def _means(reports: Sequence[StepReport]) -> dict[str, float]:
    good = [report for report in reports if not report.is_skipped]
    if not good:
        return {"skipped_steps": len(reports)}
    names = good[0].sums
    return {
        "skipped_steps": len(reports) - len(good),
        "loss": fmean(report.loss for report in good),
        "grad_norm": fmean(report.grad_norm for report in good),
        **{name: fmean(report.sums[name] for report in good) for name in names},
    }
