"""Errors of training."""

from cairn.sandbox.errors import CairnError


class TrainingError(CairnError, RuntimeError):
    """Training cannot go on: too many void episodes, or gradients that stay non-finite."""
