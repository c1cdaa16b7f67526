"""The SQL of exports."""
