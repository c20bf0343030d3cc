"""Replaying recorded sequences of calls to Smart Sessions against whatever claims to behave like it."""
