"""The management API: what an account's admins do in the console, by REST (docs/management.md)."""
