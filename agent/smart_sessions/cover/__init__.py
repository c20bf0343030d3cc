"""Prove that a session lets through everything its jobs can do, or say what is missing. Pure."""

from agent.smart_sessions.cover.demand import Demand, Gap, Period
from agent.smart_sessions.cover.proof import cover

__all__ = ["Demand", "Gap", "Period", "cover"]
