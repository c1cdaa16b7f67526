"""`callmark demo`: the platform with sample accounts, and the story it tells."""
