"""Loans: what lending protocols say of a position, how much saves it, and the calls that do."""
