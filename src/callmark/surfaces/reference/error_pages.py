"""`/docs/errors`: a page for each error, which every error answer links to in its `Link` header."""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from http import HTTPStatus
from typing import NamedTuple

from callmark.kit.errors import AppError
from callmark.surfaces.api.doc_parts import Json
from callmark.surfaces.http import ERROR_PAGES
from callmark.surfaces.reference.error_help import HELP, NEVER_ANSWERED, ErrorHelp

_CODE = re.compile(r"`([^`]+)`")


class ErrorText(NamedTuple):
    """A text that some route answers with, and when."""

    slug: str
    message: str
    when: str


class SlugPage(NamedTuple):
    """What the page of one error shows."""

    slug: str
    status: int
    phrase: str
    help: ErrorHelp
    texts: Sequence[ErrorText]

    @property
    def path(self) -> str:
        """Where it is served."""
        return f"{ERROR_PAGES}{self.slug}"


@cache
def statuses() -> dict[str, int]:
    """The status of each slug, from the error tree; no two slugs have the same."""
    return {kind.slug: kind.status for kind in (AppError, *_below(AppError)) if kind.slug not in NEVER_ANSWERED}


def _below(kind: type[AppError]) -> Iterable[type[AppError]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)


def error_texts(documents: Iterable[Json]) -> list[ErrorText]:
    """Every error text of these OpenAPI documents, each once."""
    answers = [
        (status, answer)
        for document in documents
        for item in document["paths"].values()
        for operation in item.values()
        for status, answer in operation["responses"].items()
        if status.isdigit() and status >= "400"
    ]
    return list(dict.fromkeys(text for status, answer in answers for text in _texts_of(status, answer)))


def _texts_of(status: str, answer: Json) -> Iterable[ErrorText]:
    """An answer without a slug has that of its status; call servers' errors follow a standard and lead to no page."""
    for example in answer["content"]["application/json"]["examples"].values():
        body = example["value"]
        if "requestError" in body:
            continue
        by_status = next(slug for slug, known in statuses().items() if known == int(status))
        yield ErrorText(body.get("slug", by_status), body.get("status_info", body)["message"], example["summary"])


def error_pages(documents: Iterable[Json]) -> list[SlugPage]:
    """The pages, by status."""
    texts = error_texts(documents)
    return [
        SlugPage(slug, status, HTTPStatus(status).phrase, HELP[slug], [one for one in texts if one.slug == slug])
        for slug, status in sorted(statuses().items(), key=lambda entry: entry[1])
    ]


def parts(text: str) -> list[tuple[str, str]]:
    """A text as pairs of plain words and the code, between backquotes, that follows them."""
    pieces = _CODE.split(text)
    return list(zip(pieces[::2], [*pieces[1::2], ""], strict=True))
