"""Numbered, forward-only SQL migrations; `HEAD` holds the newest number."""
