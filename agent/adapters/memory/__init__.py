"""Ports made real in memory."""

from agent.adapters.memory.journal import MemoryJournal
from agent.adapters.memory.missing import MissingJournal

__all__ = ["MemoryJournal", "MissingJournal"]
