"""Embedded engines: PostgreSQL and NATS as child processes over a data directory."""
