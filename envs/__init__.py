"""What the agent sees and does: actions, observations, tasks, sites, environments."""

from cairn.envs.actions import Action, action_schema, parse_action
from cairn.envs.core import Env, StepResult
from cairn.envs.gym_env import CairnEnv
from cairn.envs.observation import Observation
from cairn.envs.registry import SUITES, Split, find_task, find_tasks, parse_seeds, split_seed
from cairn.envs.task import Category, Task
from cairn.envs.tasks import TASKS
from cairn.envs.vector_env import CairnVectorEnv, make_vec
from cairn.envs.world import World

__all__ = [
    "SUITES",
    "TASKS",
    "Action",
    "CairnEnv",
    "CairnVectorEnv",
    "Category",
    "Env",
    "Observation",
    "Split",
    "StepResult",
    "Task",
    "World",
    "action_schema",
    "find_task",
    "find_tasks",
    "make_vec",
    "parse_action",
    "parse_seeds",
    "split_seed",
]
