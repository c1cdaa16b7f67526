"""Benchmarks: each figure beside its ceiling in the same run, load from a process of its own (design, section 10)."""
