"""Callmark: an open, self-hosted platform for verified business caller ID."""

__version__ = "0.1.0.dev0"
