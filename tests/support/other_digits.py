"""Digits as people type them whose keyboard has others than 0 to 9."""

_DEVANAGARI = {ord(str(digit)): 0x966 + digit for digit in range(10)}


def other_digits(text: str) -> str:
    """The text with Devanagari digits."""
    return text.translate(_DEVANAGARI)
