"""What decoding raises for bytes that are no JSON of the wanted shape, wherever they come from."""

from msgspec import DecodeError

NOT_JSON = (DecodeError, UnicodeDecodeError, RecursionError)
"""A ValidationError is a DecodeError; a string that is not UTF-8 is none, nor what is nested past any use."""
