"""Backups of the database: one file with what pg_dump wrote, what it is, and the sums of both."""
