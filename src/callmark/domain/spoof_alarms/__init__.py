"""Alarms about calls that may forge the number of an account."""
