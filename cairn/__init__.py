"""Agentic computer-use RL environments: real browser, rewards with receipts, trainers.

Importing this package makes every task known to `gymnasium.make` as `cairn/NAME-vN`.
"""

from cairn.envs import (
    TASKS,
    CairnEnv,
    CairnVectorEnv,
    Env,
    Observation,
    StepResult,
    Task,
    make_vec,
)
from cairn.envs.gym_env import register_all
from cairn.sandbox import CairnError, Sandbox

__version__ = "0.1.0"

__all__ = [
    "TASKS",
    "CairnEnv",
    "CairnError",
    "CairnVectorEnv",
    "Env",
    "Observation",
    "Sandbox",
    "StepResult",
    "Task",
    "__version__",
    "make_vec",
]

register_all()
