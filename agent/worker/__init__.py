"""The long-running worker: recover first, then clock ticks and new heads, drain on request."""

from agent.worker.worker import Worker

__all__ = ["Worker"]
