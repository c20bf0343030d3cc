"""Orders: swaps at a price, with a floor that no quote sets."""
