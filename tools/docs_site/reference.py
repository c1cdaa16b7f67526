"""The pages below reference/: made from what the server runs on."""

import re
from functools import cache

import msgspec
from tools.docs_site import commands, errors
from tools.docs_site.operations import Operation, markdown, operations
from tools.docs_site.schemas import Json, Schemas, example, table

from callmark.kit.settings.in_force import describe
from callmark.surfaces import metrics
from callmark.surfaces.api.routes import ROUTES
from callmark.surfaces.gateway.http_verbs import TABLE
from callmark.surfaces.reference.asyncapi import CLOSE_CODES, FROM_HANDSET, FROM_SERVER, asyncapi
from callmark.surfaces.reference.emulator_doc import emulator_openapi
from callmark.surfaces.reference.handset_doc import handset_openapi
from callmark.surfaces.reference.openapi import openapi
from callmark.surfaces.reference.stir_doc import stir_openapi

_URL, _VERSION = "https://calls.example.com", "0"
_MANAGEMENT = "Management"


@cache
def documents() -> dict[str, Json]:
    """The OpenAPI documents, by the name of their pages, as clients get them."""
    made = {
        "rest": openapi(ROUTES, _URL, _VERSION),
        "handset": handset_openapi(TABLE, _URL, _VERSION),
        "emulator": emulator_openapi(_URL, _VERSION),
        "stir": stir_openapi(_URL, _VERSION),
    }
    return {name: msgspec.json.decode(msgspec.json.encode(one)) for name, one in made.items()}


def pages() -> dict[str, str]:
    """Markdown by path."""
    return {
        "reference/index.md": _INDEX,
        **_rest_pages(),
        "reference/handset.md": _whole(documents()["handset"], "The handset gateway over plain HTTP"),
        "reference/stream.md": _stream(),
        "reference/emulator.md": _whole(documents()["emulator"], "The emulator's control API"),
        "reference/stir.md": _whole(documents()["stir"], "Signed calls, for call servers"),
        "reference/webhooks.md": _webhooks(documents()["rest"]),
        "reference/settings.md": _settings(),
        **commands.pages(),
        **errors.pages(documents()),
        "reference/metrics.md": _metrics(),
    }


_INDEX = """\
# Reference

These pages are made from the code when the site is built.

| Page | What it has |
|---|---|
| [REST API](rest/index.md) | every route with fields, limits, errors and examples |
| [Webhooks](webhooks.md) | what receivers are sent |
| [Handset stream](stream.md), [over plain HTTP](handset.md) | the gateway's protocol |
| [Emulator](emulator.md) | the control API for tests |
| [Signed calls](stir.md) | what call servers ask |
| [Client commands](commands/client.md) | what works through the API |
| [Platform](commands/platform.md), [operator commands](commands/operator.md) | what runs on the platform's machine |
| [Errors](errors/index.md) | each error with its cause and what to do |
| [Settings](settings.md) | every `CALLMARK_` variable |
| [Metrics](metrics.md) | what `/metrics` shows |
"""


def _rest_pages() -> dict[str, str]:
    document = documents()["rest"]
    schemas = Schemas(document)
    groups: dict[str, list[Operation]] = {}
    for one in operations(document):
        groups.setdefault(_group(one), []).append(one)
    made = {
        f"reference/rest/{_slug(name)}.md": f"# {name}\n\n"
        + "".join(markdown(one, schemas, "../errors/") for one in inside)
        for name, inside in groups.items()
    }
    rows = [
        [f"[{name}]({_slug(name)}.md)", f"`{one.heading}`", one.told["summary"]]
        for name, all_ in groups.items()
        for one in all_
    ]
    about = document["info"]["description"]
    return {"reference/rest/index.md": f"# REST API\n\n{about}" + table(["Page", "Route", "What it does"], rows)} | made


def _group(operation: Operation) -> str:
    if operation.tag != _MANAGEMENT:
        return operation.tag
    return f"{_MANAGEMENT}: " + operation.path.partition("{clientAccountId}/")[2].split("/")[0].replace("_", " ")


def _slug(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower())


def _whole(document: Json, title: str) -> str:
    schemas = Schemas(document)
    parts = [f"# {title}\n\n{document['info']['description']}\n"]
    by_tag: dict[str, list[Operation]] = {}
    for one in operations(document):
        by_tag.setdefault(one.tag, []).append(one)
    for tag, inside in by_tag.items():
        parts += [f"\n## {tag}\n\n", *(markdown(one, schemas, "errors/", level=3) for one in inside)]
    return "".join(parts)


def _stream() -> str:
    document: Json = msgspec.json.decode(msgspec.json.encode(asyncapi(_URL, _VERSION)))
    schemas = Schemas(document)
    messages = document["components"]["messages"]
    parts = [f"# The handset stream\n\n{document['info']['description']}\n"]
    for title, frames in (("From the handset", FROM_HANDSET), ("From the server", FROM_SERVER)):
        parts.append(f"\n## {title}\n\n")
        for frame in frames:
            told = messages[frame.name]
            answers = ", ".join(f"`{name}`" for name in frame.answers)
            parts.append(
                f"### {frame.name}\n\n{told['summary']}\n" + (f"\nAnswered with {answers}.\n" if answers else "")
            )
            parts.append(schemas.fields(told["payload"]) + example(told["examples"][0]["payload"]) + "\n")
    codes = table(["Code", "Meaning"], [[code, meaning] for code, meaning in CLOSE_CODES.items()])
    return "".join(parts) + f"\n## Close codes\n{codes}"


def _webhooks(document: Json) -> str:
    schemas = Schemas(document)
    about = "Webhooks are sent these requests; [Webhooks](../webhooks.md) has signatures, retries and the log."
    parts = [f"# What webhooks are sent\n\n{about}\n"]
    for item in document["components"]["pathItems"].values():
        told = item["post"]
        content = told["requestBody"]["content"]["application/json"]
        parts.append(f"\n## {told['summary']}\n\n{told['description']}\n{schemas.fields(content['schema'])}")
        parts += [f"\n{one['summary']}:\n{example(one['value'])}" for one in content["examples"].values()]
    return "".join(parts)


def _settings() -> str:
    rows = [[f"`{name}`", f"`{default}`" if default else "", text] for name, default, text in describe()]
    return (
        "# Settings\n\nEnvironment variables, read once at the start. `X_FILE` gives the value of `X` from a file. An"
        " unknown variable that begins with `CALLMARK_` stops the start. `callmark settings` prints the same list.\n"
        + table(["Variable", "Default", "Meaning"], rows)
    )


def _metrics() -> str:
    rows = [
        [f"`{one.name}`", one.kind, ", ".join(f"`{label}`" for label in one.labels), one.help]
        for one in metrics.describe()
    ]
    return (
        "# Metrics\n\nWhat `/metrics` of each admin port shows in Prometheus' text form, beside the usual figures of"
        " Python and of the process. [Watching Callmark](../observing.md) says what to watch.\n"
        + table(["Name", "Type", "Labels", "Meaning"], rows)
    )
