"""Writes what `callmark.testing.mock_router` answers: of each route of the API reference, the first example of success.

A file, because the client side cannot import the server whose documentation has the examples.
"""

import sys
from pathlib import Path

import msgspec

from callmark.surfaces.api.routes import ROUTES
from callmark.surfaces.reference.openapi import openapi
from callmark.testing.mocks import DocumentedAnswer

PATH = Path(__file__).parents[1] / "src/callmark/testing/documented_answers.json"
_SUCCESS = "2"


def main() -> int:
    """Writes the file."""
    PATH.write_bytes(as_file(answers()))
    return 0


def answers() -> list[DocumentedAnswer]:
    """In the order of the reference."""
    paths = openapi(ROUTES, "https://callmark.example", "0")["paths"]
    return [
        DocumentedAnswer(operation["operationId"], method.upper(), path, int(status), _first_example(answer))
        for path, operations in paths.items()
        for method, operation in operations.items()
        for status, answer in operation["responses"].items()
        if status.startswith(_SUCCESS)
    ]


def _first_example(answer: dict[str, dict[str, dict[str, dict[str, dict[str, object]]]]]) -> object:
    """None where there is no body."""
    for content in answer.get("content", {}).values():
        return next(iter(content["examples"].values()))["value"]
    return None


def as_file(found: list[DocumentedAnswer]) -> bytes:
    """As it is kept."""
    return msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"


if __name__ == "__main__":
    sys.exit(main())
