"""Members: the people of a client account."""
