"""The seeds of a target: small inputs made by hand, and every input that a target once failed on."""

from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"


def seeds_of(name: str) -> list[bytes]:
    """The target's seeds, in the order of their names."""
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]
