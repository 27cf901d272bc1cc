"""The picture of a run: success over the episodes trained on, with what was held out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

WINDOW = 5


def plot_curve(
    records: Sequence[Mapping[str, Any]], summary: Mapping[str, Any], path: Path
) -> None:
    """Draw training success by iteration and the evaluations around it into a PNG.

    Args:
        records: The run's metrics, one an iteration.
        summary: The run's summary.
        path: Where to write.
    """
    from matplotlib.figure import Figure

    episodes, success = [0.0], []
    for record in records:
        success.append(record["success"])
        episodes.append(episodes[-1] + record["episodes"])
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(episodes[1:], success, color="#9db8d2", linewidth=1, label="training episodes")
    axes.plot(
        episodes[1:],
        _smooth(success),
        color="#1f5f99",
        linewidth=2,
        label=f"mean of {WINDOW} iterations",
    )
    ends = [0, episodes[-1]]
    held_out = [summary["success_before"], summary["success_after"]]
    axes.plot(ends, held_out, "o--", color="#c2410c", markersize=8, label="held out, T = 1")
    greedy = [summary["greedy_before"], summary["greedy_after"]]
    axes.plot(ends, greedy, "s", color="#7c3aed", markersize=7, label="held out, greedy")
    if summary["success_control"] is not None:
        axes.plot(
            episodes[-1],
            summary["success_control"],
            "X",
            color="#4b5563",
            markersize=10,
            label="control: cloning for as long",
        )
    low, high = summary["gain_ci95"]
    axes.set_title(
        f"{summary['gain'] * 100:+.0f} points of success on {summary['eval_episodes']} held-out "
        f"instances (95 % interval {low * 100:+.0f} to {high * 100:+.0f}), "
        f"seed {summary['train_seed']}"
    )
    axes.set_xlabel("training episodes in the browser")
    axes.set_ylabel("success")
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", frameon=False)
    figure.savefig(path, dpi=120)


def _smooth(values: Sequence[float]) -> list[float]:
    means = []
    for end in range(1, len(values) + 1):
        window = values[max(0, end - WINDOW) : end]
        means.append(sum(window) / len(window))
    return means
