"""The wire-compatible REST API (contract). All its routes stand in one table, in `routes`."""
