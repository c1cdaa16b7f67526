"""What shows when it rings, and why."""
