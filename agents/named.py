"""Agents by the name given on the command line."""

import importlib
import re
from collections.abc import Callable
from typing import Any

from cairn.agents.scripted import AGENTS, AgentMaker
from cairn.sandbox.errors import ConfigError, lookup

_PLUGIN = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def find_agent(name: str) -> AgentMaker:
    """Return what makes the agent: a built-in one, or `module:Class` called with the environment.

    Raises:
        UnknownNameError: If there is no such built-in agent.
        ConfigError: If the module or the class in it cannot be had.
    """
    if _PLUGIN.fullmatch(name):
        return _plugin(name)
    return lookup(AGENTS, name, kind="agent")


def _plugin(name: str) -> AgentMaker:
    module_name, _, attribute = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ConfigError(f"agent {name!r}: cannot import {module_name!r}: {error}") from None
    maker: Callable[..., Any] | None = getattr(module, attribute, None)
    if not callable(maker):
        raise ConfigError(f"agent {name!r}: {module_name!r} has no class or function {attribute!r}")
    return maker
