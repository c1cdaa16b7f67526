"""Calls that businesses announce: with the switch on, an identity shows in no others (docs/number-ownership.md)."""
