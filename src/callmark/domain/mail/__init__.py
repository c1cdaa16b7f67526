"""Mails to people: what they say."""
