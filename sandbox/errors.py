"""Every error that Cairn raises on purpose.

All derive from `CairnError` and from the built-in a caller would expect, so `except ValueError`
and `except CairnError` both work. A message names the thing, the rule and the remedy.
"""

import difflib
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

T = TypeVar("T")


class CairnError(Exception):
    """Base of every deliberate error."""


class ConfigError(CairnError, ValueError):
    """A setting, a file or an option that the user gave is not usable."""


class TaskError(CairnError, ValueError):
    """A task breaks a rule of tasks."""


class UnknownNameError(CairnError, KeyError):
    """A name that is not in its table."""

    def __str__(self) -> str:
        return str(self.args[0])


class ActionError(CairnError, ValueError):
    """An action that is malformed or impossible: an ordinary step whose text the agent sees."""


class SetupError(CairnError, RuntimeError):
    """Something the machine must have (Chromium, a writable folder, a free port) is missing."""


class Boundary(StrEnum):
    """Which part of the infrastructure failed."""

    BROWSER = "browser"
    SITE = "site"
    WORKSPACE = "workspace"
    JAIL = "jail"
    REWARD = "reward"
    ENGINE = "engine"
    REPLAY = "replay"


class SandboxError(CairnError, RuntimeError):
    """The sandbox failed, so the step cannot be trusted and the episode is void.

    Attributes:
        boundary: The part that failed.
    """

    def __init__(self, boundary: Boundary, reason: str) -> None:
        super().__init__(f"{boundary}: {reason}")
        self.boundary = boundary


def browser_error(reason: str) -> SandboxError:
    """Return the error of a browser that failed."""
    return SandboxError(Boundary.BROWSER, reason)


def lookup(table: Mapping[str, T], name: str, *, kind: str) -> T:
    """Return `table[name]`, or say what was probably meant.

    Raises:
        UnknownNameError: If the name is not in the table.
    """
    if name in table:
        return table[name]
    close = difflib.get_close_matches(name, table, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(table))}"
    raise UnknownNameError(f"no {kind} named {name!r}; {hint}")
