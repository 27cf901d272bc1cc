"""What people see: rendered to text, since the layout is the point."""

import io
from dataclasses import dataclass, replace

from rich.console import Console, RenderableType

from cairn.agents.bench import BenchReport
from cairn.agents.check import Finding, Proof, Verdict
from cairn.agents.evaluation import Comparison, summaries
from cairn.agents.junit import Case, Outcome
from cairn.agents.replay import Replay
from cairn.agents.rescore import Rescore
from cairn.agents.statistics import Interval
from cairn.views import (
    MAX_PROBLEMS,
    TrainingView,
    bench_view,
    episode_view,
    evaluation_view,
    findings_view,
    replays_view,
    rescores_view,
    training_view,
)
from tests.agents.test_evaluation import result
from tests.agents.trajectories import observation, trajectory


@dataclass
class _News:
    stage: str
    text: str
    share: float | None = None


def _lines(view: RenderableType) -> list[str]:
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(view)
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_an_episode_is_a_line_a_step_with_what_it_paid() -> None:
    assert _lines(episode_view(trajectory(num_steps=2), with_pages=False)) == [
        "lab-v1, seed 7",
        "Press it.",
        "   action    reward",
        "1  click e1  +0.5    step-1 +0.5",
        "2  click e1  +0.5    step-2 +0.5",
        "success, return 1 in 2 steps, 0.1 s",
    ]


def test_brackets_of_actions_and_errors_are_shown_as_they_are() -> None:
    made = trajectory(num_steps=1, is_success=False)
    turn = replace(
        made.turns[0],
        decision=replace(made.turns[0].decision, action="click [red]"),
        reward=0.0,
        payments=(),
    )
    failed = replace(observation(1, result="no element [e9]"), is_error=True)
    made = replace(made, turns=(turn,), last_observation=failed)

    lines = _lines(episode_view(made, with_pages=False))

    assert lines[3].split(maxsplit=3) == ["1", "click", "[red]", "no element [e9]"]
    assert lines[4] == "no success, return 0 in 1 steps, 0.1 s"


def test_a_void_episode_says_why() -> None:
    made = replace(trajectory(num_steps=0, void="browser: gone"), last_observation=None)

    assert _lines(episode_view(made, with_pages=True)) == [
        "lab-v1, seed 7",
        "void in 0 steps, 0.1 s: browser: gone",
    ]


def _finding(seed: int, verdict: Verdict, detail: str = "") -> Finding:
    return Finding(task="lab-v1", seed=seed, proof=Proof.LOAD, verdict=verdict, detail=detail)


def test_findings_are_counted_and_problems_told() -> None:
    proved = [
        Finding(task="lab-v1", seed=1, proof=proof, verdict=Verdict.PROVED)
        for proof in Proof
        if proof is not Proof.LOAD
    ]
    findings = [*proved, _finding(1, Verdict.PROVED), _finding(2, Verdict.REFUTED, "[x] differs")]

    assert _lines(findings_view(findings)) == [
        "task    oracle  ledger  noop  repeat  load",
        "lab-v1  1/1     1/1     1/1   1/1     1/2",
        "refuted lab-v1 seed 2, load: [x] differs",
    ]


def test_only_the_first_problems_are_told() -> None:
    findings = [_finding(seed, Verdict.VOID) for seed in range(MAX_PROBLEMS + 2)]

    assert _lines(findings_view(findings))[-1] == "and 2 more"


def test_replays_are_counted_and_differences_told() -> None:
    same = Replay(task="lab-v1", seed=1, num_steps=3, verdict=Verdict.PROVED)
    other = replace(same, seed=2, num_steps=12, verdict=Verdict.REFUTED, detail="step 2: [page]")

    assert _lines(replays_view([same, other])) == [
        "task    episodes  steps  the same",
        "lab-v1         2     15       1/2",
        "refuted lab-v1 seed 2: step 2: [page]",
    ]


def test_rescores_show_what_was_earned_then_and_now() -> None:
    same = Rescore(
        task="lab-v1",
        seed=1,
        return_before=1.0,
        return_now=1.0,
        is_success_before=True,
        is_success_now=True,
        is_same=True,
    )
    other = replace(same, seed=2, return_now=0.5, is_success_now=False, is_same=False)
    void = replace(same, seed=3, is_success_before=None, is_success_now=None, is_same=False)

    assert _lines(rescores_view([same, other, void])) == [
        "task    episodes  changed  return then   now  solved then  now",
        "lab-v1         3        2         1.00  0.83            2    1",
        "refuted lab-v1 seed 2: return 1, now 0.5; success, now no success",
        "refuted lab-v1 seed 3: return 1, now 1; void, now void",
    ]


def test_an_evaluation_shows_rates_intervals_and_void_apart() -> None:
    figures = summaries([result(1, True), result(2, False), result(3, None)])
    comparison = Comparison(
        num_pairs=2,
        num_unpaired=1,
        difference=-0.5,
        interval=Interval(low=-1.0, high=0.0),
        gained=(),
        lost=("lab-v1 seed 2",),
    )
    gates = [
        Case(group="gates", name="fail-under", outcome=Outcome.FAILED, message="too low"),
        Case(group="gates", name="no-regression", outcome=Outcome.PASSED),
    ]

    lines = _lines(evaluation_view(figures, comparison, gates))

    assert lines == [
        "task    success  95 % interval  solved  return  steps  void",
        "lab-v1   50.0 %    9.5 to 90.5     1/2    0.50    4.0     1",
        "all      50.0 %    9.5 to 90.5     1/2    0.50    4.0     1",
        "against the baseline: -50.0 points (95 % interval -100.0 to +0.0, 2 pairs, 0",
        "gained, 1 lost)",
        "failed fail-under: too low",
        "passed no-regression",
    ]


def test_nothing_is_claimed_of_a_task_that_is_wholly_void() -> None:
    lines = _lines(evaluation_view(summaries([result(1, None)]), None, []))

    assert lines[1].split() == ["lab-v1", "-", "-", "0/0", "-", "-", "1"]


def test_a_training_run_shows_its_gain_and_leaves_out_what_was_not_measured() -> None:
    summary = {
        "success_before": 0.25,
        "success_after": 0.75,
        "success_control": None,
        "greedy_before": 0.3,
        "greedy_after": 0.8,
        "gain_ci95": [0.375, 0.625],
        "eval_episodes": 60,
        "train_episodes": 1200,
        "wall_s": 330.0,
        "void": 2,
    }

    assert _lines(training_view(summary)) == [
        "success on held-out instances   T = 1  greedy",
        "after cloning                  25.0 %  30.0 %",
        "after reinforcement            75.0 %  80.0 %",
        "control: cloning for as long        -       -",
        "gain +50.0 points (95 % interval +37.5 to +62.5) on 60 instances, from 1200",
        "training episodes in 5.5 min; 2 void",
    ]


def test_a_run_without_a_terminal_is_told_line_by_line() -> None:
    out = io.StringIO()

    with TrainingView(Console(file=out, force_terminal=False)) as view:
        view.report(_News("sft", "epoch 1"))
        view.report(_News("grpo", "iteration 1", 0.5))

    assert out.getvalue() == "sft: epoch 1\ngrpo: iteration 1\n"


def test_a_run_on_a_terminal_keeps_a_bar_for_each_stage() -> None:
    out = io.StringIO()

    with TrainingView(Console(file=out, force_terminal=True, width=80)) as view:
        view.report(_News("sft", "epoch 1"))
        view.report(_News("sft", "epoch 2"))
        view.report(_News("grpo", "iteration 1", 0.5))

    shown = out.getvalue()
    assert "epoch 2" in shown
    assert "iteration 1" in shown


def test_bench_view_sets_figures_beside_their_floor() -> None:
    report = BenchReport(
        floor_step_p50_ms=10.0,
        floor_steps_per_s=150.0,
        step_p50_ms=4.0,
        step_p99_ms=9.04,
        steps_per_s=300.0,
        contexts=4,
        reset_p50_ms=60.0,
        navigation_step_p50_ms=28.0,
        fs_steps_per_s=3_400.4,
        obs_tokens_full=214,
        obs_tokens_diff=129,
        load=1.5,
        cores=2,
    )
    rows = [line.split() for line in _lines(bench_view(report))]
    assert ["step,", "p50", "4.0", "ms", "10.0", "ms", "0.40"] in rows
    assert ["steps,", "4", "contexts", "together", "300", "/s", "150", "/s", "2.00"] in rows
    assert ["steps", "without", "a", "browser", "3,400", "/s"] in rows
    assert ["2", "cores,", "load", "1.5."] in [row[-4:] for row in rows]
