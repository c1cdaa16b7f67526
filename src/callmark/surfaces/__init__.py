"""The ways in, thin: parse, call a service, render."""
