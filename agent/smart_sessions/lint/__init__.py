"""What makes a session dangerous, rule by rule. Pure: what the chain says comes as an argument."""

from agent.smart_sessions.lint.finding import Finding, Level
from agent.smart_sessions.lint.rules import RULES, lint
from agent.smart_sessions.lint.subject import Subject

__all__ = ["RULES", "Finding", "Level", "Subject", "lint"]
