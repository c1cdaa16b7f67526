"""Operations of OpenAPI documents as Markdown."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from tools.docs_site.schemas import Json, Schemas, example, table

_EVERYWHERE = {"401", "413", "415", "429", "500", "503"}
"""Statuses whose errors are the same wherever they are answered."""


class Operation(NamedTuple):
    """An operation of a document."""

    method: str
    path: str
    told: Json

    @property
    def tag(self) -> str:
        """What it belongs to."""
        return self.told["tags"][0]

    @property
    def heading(self) -> str:
        """Its method and path."""
        return f"{self.method.upper()} {self.path}"


class ErrorText(NamedTuple):
    """A text that an operation may answer with."""

    status: str
    slug: str
    message: str
    when: str


def operations(document: Json) -> list[Operation]:
    """Every operation, in the document's order."""
    return [Operation(method, path, told) for path, item in document["paths"].items() for method, told in item.items()]


def error_texts(operation: Operation) -> Iterator[ErrorText]:
    """The error answers of an operation; the slug is that of the error tree where the body has none."""
    for status, answer in operation.told["responses"].items():
        for one in _examples(answer) if status.isdigit() and status >= "400" else ():
            body, when = one["value"], one["summary"]
            if inner := body.get("requestError"):  # the form of a standard, in which there are no slugs
                (told,) = inner.values()
                yield ErrorText(status, told["messageId"], told["text"], when)
                continue
            inner = body.get("status_info", body)
            by_status = "not-found" if status == "404" else "invalid-input"
            yield ErrorText(status, body.get("slug") or by_status, inner["message"], when)


def markdown(operation: Operation, schemas: Schemas, errors: str, level: int = 2) -> str:
    """One operation: what is sent, what is answered, errors, examples. `errors` leads to the pages of errors."""
    told = operation.told
    parts = [f"{'#' * level} {told['summary']}\n\n`{operation.heading}`\n\n{told['description'].strip()}\n"]
    parts.append(_parameters(told, schemas))
    if "requestBody" in told:
        parts.append(f"\n**Request body**\n{_body(told['requestBody'], schemas)}")
    for status, answer in told["responses"].items():
        if status.isdigit() and status < "400":
            nothing = "" if answer.get("content") else ", without a body"
            parts.append(f"\n**Answer {status}**{nothing}\n{_body(answer, schemas)}")
    parts.append(_errors(operation, errors))
    return "".join(parts) + "\n"


def _parameters(told: Json, schemas: Schemas) -> str:
    rows: list[list[object]] = [
        [
            f"`{one['name']}`",
            one["in"],
            schemas.kind(one["schema"]) + ("" if one["required"] else ", optional"),
            one["description"],
        ]
        for one in told["parameters"]
    ]
    return table(["Parameter", "In", "Type", "Meaning"], rows)


def _body(holder: Json, schemas: Schemas) -> str:
    content = holder.get("content", {}).get("application/json", {})
    if not content:
        return ""
    examples = _examples(holder)
    shown = examples[0]["value"] if examples else content.get("example")
    return schemas.fields(content["schema"]) + (example(shown) if shown is not None else "")


def _examples(holder: Json) -> list[Any]:
    return list(holder.get("content", {}).get("application/json", {}).get("examples", {}).values())


def _errors(operation: Operation, errors: str) -> str:
    texts = list(dict.fromkeys(error_texts(operation)))
    own = [one for one in texts if one.status not in _EVERYWHERE]
    rows: list[list[object]] = [[one.status, _named(one.slug, errors), one.message, one.when] for one in own]
    shared = {one.slug: one.status for one in texts if one.status in _EVERYWHERE}
    line = ", ".join(f"{status} {_named(slug, errors)}" for slug, status in shared.items())
    also = f"\n{'Also' if own else 'Errors:'} {line}.\n" if line else ""
    return ("\n**Errors**\n" if own else "") + table(["Status", "Error", "Text", "When"], rows) + also


def _named(slug: str, errors: str) -> str:
    """An error's name, with a link to its page; those that a standard names have none."""
    return f"[`{slug}`]({errors}{slug}.md)" if slug.islower() else f"`{slug}`"
