"""Fuzzing of every parser that outside bytes reach: a target each, seeds in `corpus`, `make fuzz` to run them."""
