"""Agentic computer-use RL environments: real browser, rewards with receipts, trainers.

Importing this package makes every task known to `gymnasium.make` as `cairn/NAME-vN`.
"""

from cairn.envs import TASKS, CairnEnv, Env, Observation, StepResult, Task
from cairn.envs.gym_env import register_all
from cairn.sandbox import CairnError, Sandbox

__version__ = "0.1.0"

__all__ = [
    "TASKS",
    "CairnEnv",
    "CairnError",
    "Env",
    "Observation",
    "Sandbox",
    "StepResult",
    "Task",
    "__version__",
]

register_all()
