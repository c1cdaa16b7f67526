"""What the platform knows and decides; one folder for each thing.

A later one may call an earlier one: `pyproject.toml` has the order, for import-linter.
"""
