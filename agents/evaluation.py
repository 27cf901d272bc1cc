"""Evaluation: what episodes say of an agent, and how two runs of the same instances compare."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from cairn.agents.junit import Case, Outcome
from cairn.agents.run_folder import write_whole
from cairn.agents.statistics import Interval, paired_bootstrap, wilson_interval
from cairn.agents.trajectory import Trajectory
from cairn.sandbox.errors import ConfigError

SCHEMA_VERSION = 1
FILE_NAME = "results.json"


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one instance came out.

    Attributes:
        task: Id of the task.
        seed: The instance.
        is_success: None when void.
        episode_return: Sum of the rewards; None when void.
        num_steps: Steps taken, a void one not counted.
        void: Why the episode cannot be trusted, or None.
        wall_s: Real time it took.
    """

    task: str
    seed: int
    is_success: bool | None
    episode_return: float | None
    num_steps: int
    void: str | None
    wall_s: float


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A whole run: what `results.json` holds.

    Attributes:
        schema_version: Of this format.
        agent: As named on the command line.
        suite: Name of the suite, or the tasks' ids.
        split: Which seeds.
        results: One for each instance, in the order asked for.
    """

    schema_version: int = SCHEMA_VERSION
    agent: str
    suite: str
    split: str
    results: tuple[Result, ...]


_ADAPTER: TypeAdapter[Evaluation] = TypeAdapter(Evaluation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Figures of some results; void ones are counted and left out of every mean.

    Attributes:
        name: Id of the task, or "all".
        num_valid: Episodes that count.
        num_success: Of these, how many succeeded.
        num_void: Episodes that do not count.
        success: Share of successes; None without valid episodes.
        interval: Wilson interval of that share.
        mean_return: None without valid episodes.
        mean_steps: None without valid episodes.
    """

    name: str
    num_valid: int
    num_success: int
    num_void: int
    success: float | None
    interval: Interval
    mean_return: float | None
    mean_steps: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A run against an earlier one, over the instances that are valid in both.

    Attributes:
        num_pairs: Instances compared.
        num_unpaired: Instances of the new run that the old one lacks, or void in either.
        difference: Success now minus success then.
        interval: Paired bootstrap interval of the difference.
        gained: Instances that succeed only now.
        lost: Instances that succeeded only then.
    """

    num_pairs: int
    num_unpaired: int
    difference: float
    interval: Interval
    gained: tuple[str, ...]
    lost: tuple[str, ...]

    @property
    def is_regression(self) -> bool:
        """Whether the whole interval lies below 0."""
        return self.interval.high < 0


def result_of(trajectory: Trajectory) -> Result:
    """Return how an episode came out."""
    is_void = trajectory.void is not None
    return Result(
        task=trajectory.task,
        seed=trajectory.seed,
        is_success=trajectory.is_success,
        episode_return=None if is_void else trajectory.episode_return,
        num_steps=len(trajectory.turns),
        void=trajectory.void,
        wall_s=round(trajectory.wall_s, 3),
    )


def summarize(name: str, results: Sequence[Result]) -> Summary:
    """Return the figures of some results."""
    valid = [result for result in results if result.void is None]
    num_success = sum(result.is_success is True for result in valid)
    returns = [r.episode_return for r in valid if r.episode_return is not None]
    return Summary(
        name=name,
        num_valid=len(valid),
        num_success=num_success,
        num_void=len(results) - len(valid),
        success=num_success / len(valid) if valid else None,
        interval=wilson_interval(num_success, len(valid)),
        mean_return=math.fsum(returns) / len(valid) if valid else None,
        mean_steps=sum(result.num_steps for result in valid) / len(valid) if valid else None,
    )


def summaries(results: Sequence[Result]) -> list[Summary]:
    """Return the figures of each task, in order of first appearance, and then of all."""
    tasks = dict.fromkeys(result.task for result in results)
    each = [summarize(task, [r for r in results if r.task == task]) for task in tasks]
    return [*each, summarize("all", results)]


def compare(new: Sequence[Result], old: Sequence[Result]) -> Comparison:
    """Compare two runs instance by instance.

    Raises:
        ConfigError: If no instance is valid in both.
    """
    before = {(r.task, r.seed): r.is_success for r in old if r.is_success is not None}
    pairs = [
        (f"{r.task} seed {r.seed}", r.is_success, before[r.task, r.seed])
        for r in new
        if r.is_success is not None and (r.task, r.seed) in before
    ]
    if not pairs:
        raise ConfigError("baseline: has no valid instance in common with this run")
    differences = [int(now) - int(then) for _, now, then in pairs]
    return Comparison(
        num_pairs=len(pairs),
        num_unpaired=len(new) - len(pairs),
        difference=sum(differences) / len(pairs),
        interval=paired_bootstrap(differences),
        gained=tuple(name for name, now, then in pairs if now and not then),
        lost=tuple(name for name, now, then in pairs if then and not now),
    )


def write_results(run: Path, evaluation: Evaluation) -> Path:
    """Write `results.json` into a run folder and return it.

    Raises:
        ConfigError: If the disk refuses.
    """
    path = run / FILE_NAME
    try:
        write_whole(path, _ADAPTER.dump_json(evaluation, indent=1).decode() + "\n")
    except OSError as error:
        raise ConfigError(f"results {str(path)!r}: {error.strerror}") from None
    return path


def read_results(path: Path) -> Evaluation:
    """Read a `results.json`, or the one of a run folder.

    Raises:
        ConfigError: If it cannot be read or is of another schema.
    """
    path = path / FILE_NAME if path.is_dir() else path
    try:
        evaluation = _ADAPTER.validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"results {str(path)!r}: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise ConfigError(f"results {str(path)!r}: {where}: {first['msg']}") from None
    if evaluation.schema_version != SCHEMA_VERSION:
        raise ConfigError(
            f"results {str(path)!r}: schema_version must be {SCHEMA_VERSION}, "
            f"got {evaluation.schema_version}"
        )
    return evaluation


def result_case(result: Result) -> Case:
    """Return an instance as a case of a test report.

    An instance that was not solved is skipped, not failed: a policy that solves 70 % is no broken
    build. What can fail are the gates.
    """
    outcome, message = Outcome.PASSED, ""
    if result.void is not None:
        outcome, message = Outcome.ERROR, f"void: {result.void}"
    elif not result.is_success:
        outcome, message = Outcome.SKIPPED, f"not solved; return {result.episode_return:g}"
    return Case(
        group=result.task,
        name=f"seed {result.seed}",
        outcome=outcome,
        message=message,
        time_s=result.wall_s,
    )


def gate_cases(
    overall: Summary,
    *,
    fail_under: float | None,
    comparison: Comparison | None,
) -> list[Case]:
    """Return the gates that were set, each passed or failed.

    Args:
        overall: The figures of all results.
        fail_under: The success rate must be at least this.
        comparison: Must not be a regression.
    """
    gates: list[tuple[str, str]] = []
    success = overall.success
    if success is None:
        gates.append(("valid-episodes", "every episode is void"))
    if fail_under is not None:
        is_met = success is not None and success >= fail_under
        shown = "unknown" if success is None else f"{success:.1%}"
        gates.append(("fail-under", "" if is_met else f"success {shown} is under {fail_under:.1%}"))
    if comparison is not None:
        lost = comparison.is_regression
        message = f"success fell by {-comparison.difference:.1%} against the baseline"
        gates.append(("no-regression", message if lost else ""))
    return [
        Case(
            group="gates",
            name=name,
            outcome=Outcome.FAILED if message else Outcome.PASSED,
            message=message,
        )
        for name, message in gates
    ]
