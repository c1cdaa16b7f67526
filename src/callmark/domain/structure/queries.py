"""The SQL of structure."""
