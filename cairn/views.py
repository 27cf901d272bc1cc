"""What the command line shows: tables and progress bars."""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any, Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from cairn.agents.check import Finding, Proof, Verdict
from cairn.agents.evaluation import Comparison, Summary
from cairn.agents.junit import Case, Outcome
from cairn.agents.replay import Replay
from cairn.agents.rescore import Rescore
from cairn.agents.trajectory import Trajectory, Turn
from cairn.envs.describe import TaskDescription
from cairn.envs.observation import Observation

if TYPE_CHECKING:  # its module brings Playwright
    from cairn.agents.bench import BenchReport

MAX_PROBLEMS = 10
MAX_RESULT_CHARS = 100


class News(Protocol):
    """What a training run reports: `cairn.trainers.pipeline.Progress`, without its torch."""

    @property
    def stage(self) -> str:
        """Name of the stage."""
        ...

    @property
    def text(self) -> str:
        """What happened."""
        ...

    @property
    def share(self) -> float | None:
        """How much of the stage is done, in [0, 1]; None when not known."""
        ...


def progress() -> Progress:
    """Return a progress bar on standard error, which leaves no trace when it is done."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
        transient=True,
    )


def tasks_table(tasks: Sequence[TaskDescription]) -> Table:
    """Show what the tasks' milestones pay."""
    columns = ("task", "category", "steps", "milestones", "total")
    table = _table(*columns, numbers=slice(2, 5, 2))
    for task in tasks:
        paid = "\n".join(f"{m.value:<4g} {m.name}" for m in task.milestones)
        table.add_row(task.id, task.category, str(task.max_steps), paid, f"{task.total:g}")
    return table


def episode_view(trajectory: Trajectory, *, with_pages: bool) -> Group:
    """Show an episode step by step."""
    parts: list[RenderableType] = [Text(f"{trajectory.task}, seed {trajectory.seed}", "bold")]
    observations = [turn.observation for turn in trajectory.turns]
    if trajectory.last_observation is not None:
        observations.append(trajectory.last_observation)
        parts.append(Text(observations[0].goal))
    if with_pages and observations:
        parts.append(Text(observations[0].to_text(), "dim"))
    table = _table("", "action", "reward", "")
    for turn, after in zip(trajectory.turns, observations[1:], strict=True):
        if with_pages:
            parts += [Text(f"{after.step}  {turn.decision.action}", "bold"), _outcome(turn, after)]
            parts.append(Text(after.page, "dim"))
        else:
            reward = f"[green]+{turn.reward:g}[/]" if turn.reward else ""
            action = escape(turn.decision.action)
            table.add_row(str(after.step), action, reward, _outcome(turn, after))
    if table.row_count:
        parts.append(table)
    return Group(*parts, Text.from_markup(_ending(trajectory)))


def findings_view(findings: Sequence[Finding]) -> Group:
    """Show how many proofs of each kind hold, and the first ones that do not."""
    table = _table("task", *Proof)
    for task in dict.fromkeys(finding.task for finding in findings):
        mine = [finding for finding in findings if finding.task == task]
        cells = [_tally([f.verdict for f in mine if f.proof is proof]) for proof in Proof]
        table.add_row(task, *cells)
    problems = [
        (f.verdict, f"{f.task} seed {f.seed}, {f.proof}: {f.detail}")
        for f in findings
        if f.verdict is not Verdict.PROVED
    ]
    return Group(table, *_first(problems))


def replays_view(replays: Sequence[Replay]) -> Group:
    """Show how many recordings came out the same again, and the first ones that did not."""
    table = _table("task", "episodes", "steps", "the same", numbers=_AFTER_FIRST)
    for task in dict.fromkeys(replay.task for replay in replays):
        mine = [replay for replay in replays if replay.task == task]
        steps = sum(replay.num_steps for replay in mine)
        table.add_row(task, str(len(mine)), str(steps), _tally([r.verdict for r in mine]))
    problems = [
        (r.verdict, f"{r.task} seed {r.seed}: {r.detail}")
        for r in replays
        if r.verdict is not Verdict.PROVED
    ]
    return Group(table, *_first(problems))


def rescores_view(rescores: Sequence[Rescore]) -> Group:
    """Show what episodes earned when they were played and what they earn now."""
    columns = ("task", "episodes", "changed", "return then", "now", "solved then", "now")
    table = _table(*columns, numbers=_AFTER_FIRST)
    for task in dict.fromkeys(done.task for done in rescores):
        mine = [done for done in rescores if done.task == task]
        changed = sum(not done.is_same for done in mine)
        table.add_row(
            task,
            str(len(mine)),
            f"[bold red]{changed}[/]" if changed else "[green]0[/]",
            f"{fmean(done.return_before for done in mine):.2f}",
            f"{fmean(done.return_now for done in mine):.2f}",
            str(sum(done.is_success_before is True for done in mine)),
            str(sum(done.is_success_now is True for done in mine)),
        )
    problems = [
        (
            Verdict.REFUTED,
            f"{r.task} seed {r.seed}: return {r.return_before:g}, now {r.return_now:g}; "
            f"{_success(r.is_success_before)}, now {_success(r.is_success_now)}",
        )
        for r in rescores
        if not r.is_same
    ]
    return Group(table, *_first(problems))


class TrainingView:
    """Shows a run as it goes on, on standard error: a bar a stage, or lines without a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description:14}"),
            BarColumn(bar_width=20),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._stages: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end_stages()
        self._bars.stop()

    def report(self, news: News) -> None:
        """Take in what happened."""
        if not self._console.is_terminal:
            self._console.print(f"{news.stage}: {news.text}", highlight=False, soft_wrap=True)
            return
        if news.stage not in self._stages:
            self._end_stages()
            self._stages[news.stage] = self._bars.add_task(news.stage, total=None, note="")
        stage = self._stages[news.stage]
        self._bars.update(stage, note=news.text)
        if news.share is not None:
            self._bars.update(stage, total=1.0, completed=news.share)

    def _end_stages(self) -> None:
        for stage in self._stages.values():
            self._bars.update(stage, total=1.0, completed=1.0)
            self._bars.stop_task(stage)


def training_view(summary: Mapping[str, Any]) -> Group:
    """Show what a run gained on held-out instances."""
    table = _table("success on held-out instances", "T = 1", "greedy", numbers=_AFTER_FIRST)
    rows = (
        ("after cloning", summary["success_before"], summary["greedy_before"]),
        ("after reinforcement", summary["success_after"], summary["greedy_after"]),
        ("control: cloning for as long", summary["success_control"], None),
    )
    for name, sampled, greedy in rows:
        table.add_row(name, _percent(sampled), _percent(greedy))
    low, high = summary["gain_ci95"]
    gain = summary["success_after"] - summary["success_before"]
    return Group(
        table,
        Text(
            f"gain {gain * 100:+.1f} points (95 % interval {low * 100:+.1f} to {high * 100:+.1f}) "
            f"on {summary['eval_episodes']} instances, from {summary['train_episodes']} training "
            f"episodes in {summary['wall_s'] / 60:.1f} min; {summary['void']} void"
        ),
    )


def bench_view(report: "BenchReport") -> Group:
    """Show how fast the environment is, beside the floor where there is one."""
    table = _table("", "cairn", "floor", "ratio", numbers=_AFTER_FIRST)
    pairs = (
        ("step, p50", "ms", report.step_p50_ms, report.floor_step_p50_ms),
        ("step, p99", "ms", report.step_p99_ms, None),
        (
            f"steps, {report.contexts} contexts together",
            "/s",
            report.steps_per_s,
            report.floor_steps_per_s,
        ),
        ("reset, p50", "ms", report.reset_p50_ms, None),
        ("step that loads a page, p50", "ms", report.navigation_step_p50_ms, None),
        ("steps without a browser", "/s", report.fs_steps_per_s, None),
        ("longest observation, whole", "tokens", report.obs_tokens_full, None),
        ("longest observation, by changes", "tokens", report.obs_tokens_diff, None),
    )
    for name, unit, value, floor in pairs:
        digits = 1 if unit == "ms" else 0
        table.add_row(
            name,
            f"{value:,.{digits}f} {unit}",
            "" if floor is None else f"{floor:,.{digits}f} {unit}",
            "" if floor is None else f"{value / floor:.2f}",
        )
    return Group(
        table,
        Text(
            "The floor is the same step through Playwright, without rewards, in the same run. "
            f"{report.cores} cores, load {report.load:.1f}.",
            "dim",
        ),
    )


def evaluation_view(
    summaries: Sequence[Summary], comparison: Comparison | None, gates: Sequence[Case]
) -> Group:
    """Show an evaluation, how it compares with its baseline, and its gates."""
    lines = [] if comparison is None else [Text(_comparison_line(comparison))]
    return Group(
        summaries_table(summaries), *lines, *(Text.from_markup(_gate_line(g)) for g in gates)
    )


def summaries_table(summaries: Sequence[Summary]) -> Table:
    """Show success rates and returns, the figures of all tasks last."""
    columns = ("task", "success", "95 % interval", "solved", "return", "steps", "void")
    table = _table(*columns, numbers=_AFTER_FIRST)
    for summary in summaries:
        if summary is summaries[-1]:
            table.add_section()
        low, high = summary.interval.low, summary.interval.high
        table.add_row(
            summary.name,
            _percent(summary.success),
            f"{low * 100:.1f} to {high * 100:.1f}" if summary.num_valid else "-",
            f"{summary.num_success}/{summary.num_valid}",
            _number(summary.mean_return, 2),
            _number(summary.mean_steps, 1),
            f"[yellow]{summary.num_void}[/]" if summary.num_void else "0",
        )
    return table


def _comparison_line(comparison: Comparison) -> str:
    """Say how a run compares with its baseline."""
    interval = comparison.interval
    return (
        f"against the baseline: {comparison.difference * 100:+.1f} points "
        f"(95 % interval {interval.low * 100:+.1f} to {interval.high * 100:+.1f}, "
        f"{comparison.num_pairs} pairs, {len(comparison.gained)} gained, "
        f"{len(comparison.lost)} lost)"
    )


def _gate_line(gate: Case) -> str:
    """Say whether a gate was passed."""
    if gate.outcome is Outcome.PASSED:
        return f"[green]passed[/] {gate.name}"
    return f"[bold red]failed[/] {gate.name}: {escape(gate.message)}"


_AFTER_FIRST = slice(1, None)
_COLOUR = {Verdict.PROVED: "green", Verdict.REFUTED: "bold red", Verdict.VOID: "yellow"}


def _outcome(turn: Turn, after: Observation) -> Text:
    """Say what an action led to: an error, receipts, a result, or nothing worth saying."""
    if after.is_error:
        return Text(after.result, "red")
    receipts = [f"{payment.milestone} +{payment.value:g}" for payment in turn.payments]
    if receipts:
        return Text(", ".join(receipts), "green")
    return Text(after.result[:MAX_RESULT_CHARS])


def _table(*columns: str, numbers: slice = slice(0)) -> Table:
    """Make a table whose columns `numbers` are set flush right."""
    table = Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in table.columns[numbers]:
        column.justify = "right"
    return table


def _first(problems: Sequence[tuple[Verdict, str]]) -> list[Text]:
    """Say the first few, and how many more there are."""
    lines = [
        Text.from_markup(f"[{_COLOUR[verdict]}]{verdict}[/] {escape(text)}")
        for verdict, text in problems[:MAX_PROBLEMS]
    ]
    if len(problems) > MAX_PROBLEMS:
        lines.append(Text(f"and {len(problems) - MAX_PROBLEMS} more"))
    return lines


def _success(is_success: bool | None) -> str:
    return {True: "success", False: "no success", None: "void"}[is_success]


def _tally(verdicts: Sequence[Verdict]) -> str:
    if not verdicts:
        return "-"
    count = Counter(verdicts)
    worst = next(v for v in (Verdict.REFUTED, Verdict.VOID, Verdict.PROVED) if count[v])
    return f"[{_COLOUR[worst]}]{count[Verdict.PROVED]}/{len(verdicts)}[/]"


def _ending(trajectory: Trajectory) -> str:
    took = f"in {len(trajectory.turns)} steps, {trajectory.wall_s:.1f} s"
    if trajectory.void is not None:
        return f"[yellow]void[/] {took}: {escape(trajectory.void)}"
    verdict = "[green]success[/]" if trajectory.is_success else "[red]no success[/]"
    return f"{verdict}, return {trajectory.episode_return:g} {took}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share * 100:.1f} %"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
