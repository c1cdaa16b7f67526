"""Signing in: passwords, codes, sessions, links by mail, and what a page hands to the next."""
