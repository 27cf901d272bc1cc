"""Where actions happen: Chromium, sites, workspace, evidence. Needs nothing above it."""

from cairn.sandbox.errors import (
    ActionError,
    Boundary,
    CairnError,
    ConfigError,
    SandboxError,
    SetupError,
    TaskError,
    UnknownNameError,
)
from cairn.sandbox.events import Event, EventKind, EventLog, Source
from cairn.sandbox.sandbox import Sandbox

__all__ = [
    "ActionError",
    "Boundary",
    "CairnError",
    "ConfigError",
    "Event",
    "EventKind",
    "EventLog",
    "Sandbox",
    "SandboxError",
    "SetupError",
    "Source",
    "TaskError",
    "UnknownNameError",
]
