"""Operator tokens: what programs of the people who run the installation show the operator API."""
