"""The command line: thin commands over the packages, one line for each error."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cairn.agents.rollout import Request
from cairn.agents.scripted import AgentMaker
from cairn.agents.trajectory import Trajectory
from cairn.envs.registry import Split
from cairn.sandbox.errors import CairnError, ConfigError

app = typer.Typer(
    name="cairn",
    help="Computer-use environments in a real browser, and the training of agents on them.",
    epilog="CAIRN_DEBUG=1 shows where an error comes from; CAIRN_CHROMIUM names the browser.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

AgentOption = Annotated[
    str,
    typer.Option(
        "--agent",
        metavar="A",
        help="oracle, random, noop, a run or model folder, or module:Class.",
    ),
]
TemperatureOption = Annotated[
    float, typer.Option("--temperature", min=0, help="Of a model's sampling; 0 is greedy.")
]
SuiteOption = Annotated[
    str, typer.Option("--suite", metavar="S", help="demo or milestone, or ids with commas between.")
]
SplitOption = Annotated[Split, typer.Option("--split", help="Which seeds.")]
SeedsOption = Annotated[
    str,
    typer.Option("--seeds", metavar="A:B", help="Half-open, counted from the split's first seed."),
]
OutOption = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Run folder to write; new or empty.")
]
ConcurrencyOption = Annotated[
    int, typer.Option("--concurrency", min=1, max=256, help="Episodes at a time.")
]
JunitOption = Annotated[
    Path | None, typer.Option("--junit", metavar="F", help="Write a JUnit report.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def main() -> None:
    """Run the command line; a deliberate error becomes one line and exit code 2."""
    try:
        app()
    except CairnError as error:
        if os.environ.get("CAIRN_DEBUG"):
            raise
        sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
        raise SystemExit(2) from None


@app.command()
def tasks(
    *,
    category: Annotated[
        str | None, typer.Option("--category", metavar="C", help="Only this category.")
    ] = None,
    suite: SuiteOption = "milestone",
    as_json: JsonOption = False,
) -> None:
    """List tasks and what their milestones pay."""
    from cairn.envs.describe import describe_task
    from cairn.envs.task import Category
    from cairn.sandbox.errors import lookup
    from cairn.views import tasks_table

    found = _tasks_of(suite)
    if category is not None:
        wanted = lookup({c.value: c for c in Category}, category, kind="category")
        found = [task for task in found if task.category is wanted]
    if as_json:
        _print_json([asdict(describe_task(task)) for task in found])
    else:
        Console().print(tasks_table([describe_task(task) for task in found]))


@app.command()
def run(
    task: Annotated[str, typer.Argument(help="Id of the task, such as search-open-v1.")],
    *,
    agent: AgentOption = "oracle",
    seed: Annotated[int, typer.Option("--seed", min=0, help="The instance.")] = 0,
    temperature: TemperatureOption = 1.0,
    record: Annotated[
        Path | None, typer.Option("--record", metavar="DIR", help="Keep the episode there.")
    ] = None,
    pages: Annotated[
        bool, typer.Option("--pages", help="Show each page as the agent does.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run one episode and show it step by step; exit code 1 unless it succeeds."""
    from cairn.agents.run_folder import make_run_folder
    from cairn.envs.registry import find_task
    from cairn.policies import agent_of
    from cairn.views import episode_view

    found = find_task(task)
    make_agent = agent_of(agent, temperature=temperature)
    request = Request(task=found, seed=seed, make_agent=make_agent)
    folder = None if record is None else make_run_folder(record)
    (trajectory,) = asyncio.run(_play([request], run=folder, agent=agent, concurrency=1))
    if as_json:
        _print_json(asdict(trajectory))
    else:
        Console().print(episode_view(trajectory, with_pages=pages))
    if not trajectory.is_success:
        raise typer.Exit(1)


@app.command()
def check(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[TASK ...]", help="Ids of tasks, or suites.")
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Check every task.")] = False,
    seeds: Annotated[int, typer.Option("--seeds", metavar="N", min=1, help="Seeds a task.")] = 3,
    junit: JunitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove tasks: oracle, ledger, no-op, and the same again alone and under load."""
    from cairn.agents.check import Instance, Verdict, finding_case
    from cairn.agents.junit import write_junit
    from cairn.envs.registry import find_task_or_suite
    from cairn.views import findings_view

    if bool(names) is every:
        raise ConfigError("check: name tasks, or give --all")
    found = [task for name in names or ("milestone",) for task in find_task_or_suite(name)]
    instances = [Instance(task=task, seed=seed) for task in found for seed in range(seeds)]
    findings = asyncio.run(_prove(instances))
    if junit is not None:
        write_junit(junit, "cairn check", [finding_case(finding) for finding in findings])
    if as_json:
        _print_json([asdict(finding) for finding in findings])
    else:
        Console().print(findings_view(findings))
    if any(finding.verdict is not Verdict.PROVED for finding in findings):
        raise typer.Exit(1)


@app.command()
def collect(
    *,
    agent: AgentOption = "oracle",
    suite: SuiteOption = "demo",
    split: SplitOption = Split.TRAIN,
    episodes: Annotated[int, typer.Option("--episodes", metavar="N", min=1, help="Of each task.")],
    out: OutOption,
    temperature: TemperatureOption = 1.0,
    concurrency: ConcurrencyOption = 4,
    as_json: JsonOption = False,
) -> None:
    """Record episodes, such as demonstrations by the oracle."""
    from cairn.agents.evaluation import result_of, summaries
    from cairn.agents.run_folder import make_run_folder
    from cairn.policies import agent_of
    from cairn.views import summaries_table

    make_agent = agent_of(agent, temperature=temperature)
    requests = _requests(make_agent, suite=suite, split=split, seeds=f"0:{episodes}")
    folder = make_run_folder(out)
    done = asyncio.run(_play(requests, run=folder, agent=agent, concurrency=concurrency))
    figures = summaries([result_of(trajectory) for trajectory in done])
    if as_json:
        _print_json({"run": str(folder), "summaries": [asdict(figure) for figure in figures]})
        return
    Console().print(summaries_table(figures))
    Console().print(f"{len(done)} episodes in {folder}/episodes", highlight=False)


@app.command()
def replay(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH ...", help="Episode files, or run folders.")
    ],
    *,
    concurrency: ConcurrencyOption = 4,
    junit: JunitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Execute recorded episodes again; exit code 1 unless each is the same to the byte."""
    from cairn.agents.check import Verdict
    from cairn.agents.episodes import read_episodes
    from cairn.agents.junit import write_junit
    from cairn.agents.replay import replay_case
    from cairn.views import replays_view

    episodes = [episode for path in paths for episode in read_episodes(path)]
    replays = asyncio.run(_replay(episodes, concurrency))
    if junit is not None:
        write_junit(junit, "cairn replay", [replay_case(done) for done in replays])
    if as_json:
        _print_json([asdict(done) for done in replays])
    else:
        Console().print(replays_view(replays))
    if any(done.verdict is not Verdict.PROVED for done in replays):
        raise typer.Exit(1)


@app.command(name="rescore")
def rescore_run(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder with episodes.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write the episodes as they are paid now."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compute ledgers again from the recorded evidence; exit code 1 if one differs."""
    from cairn.agents.episodes import read_episodes, write_episode
    from cairn.agents.rescore import rescore, rescored
    from cairn.agents.run_folder import make_run_folder
    from cairn.envs.registry import find_task
    from cairn.views import rescores_view

    episodes = read_episodes(run)
    found = [(find_task(episode.header.task), episode) for episode in episodes]
    rescores = [rescore(task, episode.trajectory) for task, episode in found]
    if out is not None:
        folder = make_run_folder(out)
        for task, episode in found:
            again = rescored(task, episode.trajectory)
            write_episode(folder, again, task=task, agent=episode.header.agent)
    if as_json:
        _print_json([asdict(done) for done in rescores])
    else:
        Console().print(rescores_view(rescores))
    if not all(done.is_same for done in rescores):
        raise typer.Exit(1)


@app.command()
def train(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG.toml", help="Such as configs/demo.toml.")
    ],
    *,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="A.B=C", help="Override a setting; may be repeated."),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="DIR", help="Go on with this run.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the settings and the model; write nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a policy: demonstrations, cloning, reinforcement, and what each gained."""
    from cairn.policies import missing_extra
    from cairn.views import TrainingView, training_view

    try:
        from cairn.trainers.model import load_tokenizer
        from cairn.trainers.pipeline import Run, prepare_folder
        from cairn.trainers.run_config import read_run_config
    except ModuleNotFoundError as error:
        raise missing_extra(error) from None
    given = [*(settings or ()), *([f"out={json.dumps(str(resume))}"] if resume else ())]
    run_config = read_run_config(config, given)
    # Whatever can be wrong is found before anything is written.
    _tasks_of(run_config.suite)
    load_tokenizer(run_config.policy.model)
    if dry_run:
        _print_json(run_config.model_dump(mode="json"))
        return
    prepare_folder(run_config, resume=resume is not None)

    async def work() -> dict[str, Any]:
        from cairn.sandbox.sandbox import Sandbox

        async with Sandbox.open() as sandbox:
            with TrainingView() as view:
                return await Run(run_config, sandbox, view.report).train()

    summary = asyncio.run(work())
    if as_json:
        _print_json(summary)
    else:
        Console().print(training_view(summary), highlight=False)
        Console().print(f"all of it in {run_config.out}", highlight=False, soft_wrap=True)


@app.command(name="eval")
def evaluate(
    *,
    agent: AgentOption,
    suite: SuiteOption = "milestone",
    split: SplitOption = Split.TEST_SEEDS,
    seeds: SeedsOption = "0:10",
    out: OutOption,
    junit: JunitOption = None,
    baseline: Annotated[
        Path | None, typer.Option("--baseline", metavar="F", help="results.json of an earlier run.")
    ] = None,
    fail_under: Annotated[
        float | None,
        typer.Option("--fail-under", metavar="X", min=0, max=1, help="Least share of successes."),
    ] = None,
    fail_on_regression: Annotated[
        bool,
        typer.Option("--fail-on-regression", help="Fail if surely worse than the baseline."),
    ] = False,
    temperature: TemperatureOption = 1.0,
    concurrency: ConcurrencyOption = 4,
    as_json: JsonOption = False,
) -> None:
    """Evaluate an agent on instances that training never sees; exit code 1 if a gate fails."""
    from cairn.agents import evaluation as ev
    from cairn.agents.junit import Outcome, write_junit
    from cairn.agents.run_folder import make_run_folder
    from cairn.policies import agent_of
    from cairn.views import evaluation_view

    if fail_on_regression and baseline is None:
        raise ConfigError("--fail-on-regression: needs --baseline")
    old = None if baseline is None else ev.read_results(baseline)
    make_agent = agent_of(agent, temperature=temperature)
    requests = _requests(make_agent, suite=suite, split=split, seeds=seeds)
    folder = make_run_folder(out)
    done = asyncio.run(_play(requests, run=folder, agent=agent, concurrency=concurrency))
    results = tuple(ev.result_of(trajectory) for trajectory in done)
    path = ev.write_results(
        folder, ev.Evaluation(agent=agent, suite=suite, split=split, results=results)
    )
    figures = ev.summaries(results)
    comparison = None if old is None else ev.compare(results, old.results)
    gated = comparison if fail_on_regression else None
    gates = ev.gate_cases(figures[-1], fail_under=fail_under, comparison=gated)
    if junit is not None:
        write_junit(junit, "cairn eval", [*gates, *map(ev.result_case, results)])
    if as_json:
        _print_json(
            {
                "results": str(path),
                "summaries": [asdict(figure) for figure in figures],
                "comparison": None if comparison is None else asdict(comparison),
                "gates": [asdict(gate) for gate in gates],
            }
        )
    else:
        Console().print(evaluation_view(figures, comparison, gates), highlight=False)
        Console().print(f"results in {path}", highlight=False, soft_wrap=True)
    if any(gate.outcome is not Outcome.PASSED for gate in gates):
        raise typer.Exit(1)


@app.command()
def bench(
    *,
    steps: Annotated[
        int, typer.Option("--steps", metavar="N", min=10, help="Steps of each kind.")
    ] = 200,
    as_json: JsonOption = False,
) -> None:
    """Measure steps and resets, beside the same steps through Playwright."""
    from cairn.agents.bench import measure
    from cairn.views import bench_view

    report = asyncio.run(measure(steps))
    if as_json:
        _print_json({name: round(value, 2) for name, value in asdict(report).items()})
    else:
        Console().print(bench_view(report))


@app.command()
def doctor(
    *,
    fix: Annotated[
        bool, typer.Option("--fix", help="Install what is missing: Chromium, bubblewrap.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check that this machine has what Cairn needs; exit code 1 if something fails."""
    from cairn.sandbox.chromium import ensure_chromium
    from cairn.sandbox.doctor import checks_table, examine, is_healthy
    from cairn.sandbox.jail import ensure_bubblewrap

    if fix:
        for ensure in (ensure_bubblewrap, ensure_chromium):
            ensure(lambda text: sys.stderr.write(f"+ {text}\n"))
    checks = examine()
    if as_json:
        _print_json([asdict(check) for check in checks])
    else:
        Console().print(checks_table(checks))
    if not is_healthy(checks):
        raise typer.Exit(1)


def _tasks_of(suite: str) -> list[Any]:
    """Return the tasks of a suite, or those whose ids are listed with commas between."""
    from cairn.envs.registry import SUITES, find_tasks, known_tasks

    if suite not in SUITES and ("," in suite or suite in known_tasks()):
        return find_tasks([name.strip() for name in suite.split(",")], suite="")
    return find_tasks((), suite=suite)


def _requests(make_agent: AgentMaker, *, suite: str, split: Split, seeds: str) -> list[Request]:
    from cairn.envs.registry import parse_seeds

    chosen = parse_seeds(seeds, split)
    return [
        Request(task=task, seed=seed, make_agent=make_agent)
        for task in _tasks_of(suite)
        for seed in chosen
    ]


async def _play(
    requests: Sequence[Request], *, run: Path | None, agent: str, concurrency: int
) -> list[Trajectory]:
    """Run the episodes with a progress bar; return the last attempt at each, in order."""
    from cairn.agents.collect import collect as collect_episodes
    from cairn.sandbox.sandbox import Sandbox
    from cairn.views import progress

    done: dict[int, Trajectory] = {}
    async with Sandbox.open() as sandbox:
        with progress() as bar:
            line = bar.add_task("episodes", total=len(requests), note="")
            work = collect_episodes(
                sandbox, requests, run=run, agent=agent, concurrency=concurrency
            )
            async with aclosing(work) as episodes:
                async for position, trajectory in episodes:
                    done[position] = trajectory
                    solved = sum(t.is_success is True for t in done.values())
                    bar.update(line, completed=len(done), note=f"{solved} solved")
    return [done[position] for position in sorted(done)]


async def _prove(instances: Sequence[Any]) -> list[Any]:
    from cairn.agents.check import Proof, prove
    from cairn.views import progress

    findings = []
    with progress() as bar:
        line = bar.add_task("proofs", total=len(instances) * len(Proof), note="")
        async with aclosing(prove(instances)) as proofs:
            async for finding in proofs:
                findings.append(finding)
                bar.update(line, completed=len(findings), note=f"{finding.proof}: {finding.task}")
    return findings


async def _replay(episodes: Sequence[Any], concurrency: int) -> list[Any]:
    """Execute the episodes again with a progress bar; return the comparisons in order."""
    from cairn.agents.replay import replay as replay_episodes
    from cairn.sandbox.sandbox import Sandbox
    from cairn.views import progress

    replays = {}
    async with Sandbox.open() as sandbox:
        with progress() as bar:
            line = bar.add_task("episodes", total=len(episodes), note="")
            work = replay_episodes(sandbox, episodes, concurrency=concurrency)
            async with aclosing(work) as done:
                async for position, replayed in done:
                    replays[position] = replayed
                    bar.update(line, completed=len(replays), note=replayed.task)
    return [replays[position] for position in sorted(replays)]


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
