"""Swaps on Uniswap v2 and v3: call data of the routers, quotes, and what a file says of a venue."""
