"""Scripted solutions of pages of MiniWoB++; they see only what any agent sees."""

from collections.abc import Callable, Generator

from cairn.envs.actions import Action
from cairn.envs.observation import Observation

Script = Generator[Action, Observation, None]

ORACLES: dict[str, Callable[[Observation], Script]] = {}
