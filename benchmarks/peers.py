"""Cairn beside BrowserGym and MiniWoB++'s Selenium environment, on the same pages, in one run.

Each peer gets a virtual environment of its own under `.venv-peers`, made on the first run. A peer
that cannot be installed or does not start is left out, with the reason.

Usage: python benchmarks/peers.py [--json] [PAGE ...]
"""

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import venv
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cairn.envs.core import Env
from cairn.envs.registry import find_task
from cairn.sandbox.sandbox import Sandbox

HERE = Path(__file__).parent
HOME = HERE.parent / ".venv-peers"
PAGES = ("click-test", "login-user", "email-inbox")
NUM_RESETS, NUM_STEPS = 12, 20
Figures = dict[str, list[float]]

# What to install, each entry by a pip of its own: the second must not choose for the first.
PEERS = {
    "browsergym": (("browsergym-miniwob==0.14.3",), ("--no-deps", "miniwob==1.0")),
    "selenium": (("miniwob==1.0",),),
}


async def measure_cairn(pages: list[str]) -> Figures:
    """Return medians of a reset and of a step with one key stroke, in milliseconds."""
    figures = {}
    async with Sandbox.open() as sandbox:
        for page in pages:
            env = Env(find_task(f"miniwob-{page}-v1"), sandbox)
            reset_s, step_s = [], []
            for seed in range(NUM_RESETS):
                await asyncio.sleep(0.2)  # an episode's time, in which the pool refills
                started = time.perf_counter()
                await env.reset(seed)
                reset_s.append(time.perf_counter() - started)
                await asyncio.sleep(0.2)
                for _ in range(NUM_STEPS):
                    started = time.perf_counter()
                    await env.step("press Tab")
                    step_s.append(time.perf_counter() - started)
            await env.close()
            figures[page] = [statistics.median(reset_s) * 1e3, statistics.median(step_s) * 1e3]
    return figures


def measure_peer(name: str, pages: list[str]) -> Figures | str:
    """Return a peer's medians, or why there are none."""
    python = HOME / name / "bin" / "python"
    try:
        if not python.exists():
            venv.create(HOME / name, with_pip=True)
            for packages in PEERS[name]:
                _run([str(python), "-m", "pip", "install", "-q", *packages])
        if name == "browsergym":
            _ensure_browser(python)
        answer = _run([str(python), str(HERE / "peer.py"), name, *pages])
    except subprocess.CalledProcessError as error:
        shown = (error.stderr or error.stdout or str(error)).strip().splitlines()
        return shown[-1] if shown else str(error)
    figures: Figures = json.loads(answer.splitlines()[-1])
    return figures


def _ensure_browser(python: Path) -> None:
    """Get the Chromium that the peer's old Playwright asks for, or stand in the system's."""
    ask = (
        "from playwright.sync_api import sync_playwright as p\n"
        "with p() as it: print(it.chromium.executable_path)"
    )
    wanted = Path(_run([str(python), "-c", ask]).strip())
    if wanted.exists():
        return
    try:
        _run([str(python), "-m", "playwright", "install", "chromium"])
    except subprocess.CalledProcessError:
        system = shutil.which("chromium") or shutil.which("google-chrome")
        if system is None:
            raise
        wanted.parent.mkdir(parents=True, exist_ok=True)
        wanted.write_text(f'#!/bin/sh\nexec {system} --no-sandbox "$@"\n')
        wanted.chmod(0o755)


def _run(command: list[str]) -> str:
    environment = {**os.environ, "PLAYWRIGHT_BROWSERS_PATH": str(HOME / "browsers")}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, timeout=900
    )
    return done.stdout


def show(cairn: Figures, peers: dict[str, Figures | str]) -> None:
    """Print a table: milliseconds, and how many times faster Cairn is."""
    table = Table("page", "", "cairn", *peers, box=None, padding=(0, 2, 0, 0))
    for page, (reset_ms, step_ms) in cairn.items():
        for place, (kind, ours) in enumerate((("reset", reset_ms), ("step", step_ms))):
            row = [page if place == 0 else "", kind, f"{ours:.1f} ms"]
            for figures in peers.values():
                theirs = None if isinstance(figures, str) else figures[page][place]
                row.append("-" if theirs is None else f"{theirs:.0f} ms ({theirs / ours:.0f}x)")
            table.add_row(*row)
    console = Console()
    console.print(table)
    for name, figures in peers.items():
        if isinstance(figures, str):
            console.print(f"{name} left out: {figures}", style="yellow", markup=False)


def main() -> None:
    """Measure, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("pages", nargs="*", default=PAGES)
    arguments = parser.parse_args()
    pages = list(arguments.pages)
    peers = {name: measure_peer(name, pages) for name in PEERS}
    cairn = asyncio.run(measure_cairn(pages))
    if arguments.json:
        json.dump({"cairn": cairn, **peers}, sys.stdout)
    else:
        show(cairn, peers)


if __name__ == "__main__":
    main()
