"""Benchmarks: each figure beside its ceiling in the same run, load from a separate process."""
