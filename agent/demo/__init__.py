"""The demo: a subscription is paid on a local chain, and the worker is killed in the middle of it."""
