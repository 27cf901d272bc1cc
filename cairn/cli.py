"""The command line: thin commands over the packages, one line for each error."""

import json
import os
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from cairn.sandbox.errors import CairnError

app = typer.Typer(
    name="cairn",
    help="Computer-use environments in a real browser, and the training of agents on them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

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


@app.callback()
def _root() -> None:
    """Set CAIRN_DEBUG=1 to see where an error comes from."""


@app.command()
def doctor(
    *,
    fix: Annotated[bool, typer.Option("--fix", help="Install Chromium if it is missing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check that this machine has what Cairn needs; exit code 1 if something fails."""
    from cairn.sandbox.chromium import ensure_chromium
    from cairn.sandbox.doctor import checks_table, examine, is_healthy

    if fix:
        ensure_chromium(lambda text: sys.stderr.write(f"+ {text}\n"))
    checks = examine()
    if as_json:
        _print_json([asdict(check) for check in checks])
    else:
        Console().print(checks_table(checks))
    if not is_healthy(checks):
        raise typer.Exit(1)


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
