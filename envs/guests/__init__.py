"""Suites whose pages nobody here wrote; known where their packages are installed."""

from cairn.envs.guests import miniwob

__all__ = ["miniwob"]
