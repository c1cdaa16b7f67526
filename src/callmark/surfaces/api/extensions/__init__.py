"""Our own routes beside those of the contract that need no access `management` (docs/extensions.md)."""
