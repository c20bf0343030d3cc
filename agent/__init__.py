"""Sessionkeeper: the automation agent for smart accounts."""
