"""Idempotency keys: a repeated request is answered again, not done again."""
