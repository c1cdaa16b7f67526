"""Client accounts, their state and their plan."""
