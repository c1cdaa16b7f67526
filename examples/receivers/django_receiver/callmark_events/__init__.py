"""Events from Callmark: stored when they come, handled by a command."""
