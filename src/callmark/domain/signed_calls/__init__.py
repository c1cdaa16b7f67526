"""Calls on the telephone network: signed, verified, and how they ended."""
