"""The wire-compatible REST API (contract). All its routes are in one table, in `routes`."""
