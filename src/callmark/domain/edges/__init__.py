"""Edges: the call servers that have calls signed and verified here, each known by a token."""
