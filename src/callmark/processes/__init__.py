"""Composition: what a process is made of, and the supervisor that starts engines and processes."""
