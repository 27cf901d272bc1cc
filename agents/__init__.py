"""Who acts: scripted agents, language models behind engines, and the rollouts they make."""

from cairn.agents.agent import Agent, Decision
from cairn.agents.engine import Engine, FinishReason, Generation, SamplingParams
from cairn.agents.rollout import Request, rollout, run_all
from cairn.agents.scripted import AGENTS, AgentMaker, NoopAgent, OracleAgent, RandomAgent
from cairn.agents.trajectory import Trajectory, Turn

__all__ = [
    "AGENTS",
    "Agent",
    "AgentMaker",
    "Decision",
    "Engine",
    "FinishReason",
    "Generation",
    "NoopAgent",
    "OracleAgent",
    "RandomAgent",
    "Request",
    "SamplingParams",
    "Trajectory",
    "Turn",
    "rollout",
    "run_all",
]
