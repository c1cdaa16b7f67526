"""The append-only log of what receivers answered, numbered without a gap for each account."""
