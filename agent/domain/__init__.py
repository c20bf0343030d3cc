"""Values the whole agent speaks in. Pure: no I/O, clock, randomness, logging or async."""
