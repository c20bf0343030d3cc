"""Ports made real in memory."""

from agent.adapters.memory.journal import MemoryJournal

__all__ = ["MemoryJournal"]
