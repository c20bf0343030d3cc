"""The stacks that the benchmarks measure against."""
