"""The SQL of numbers."""
