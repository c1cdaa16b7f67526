"""Limits on what anyone may try: exact, kept in the database, the same for known and unknown addresses."""
