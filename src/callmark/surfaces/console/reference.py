"""The API as this account calls it: every route of the OpenAPI document with its ids filled in, to copy as curl."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import lru_cache
from typing import ClassVar, cast

import msgspec
from msgspec import Struct
from starlette.responses import Response

from callmark import __version__
from callmark.domain.labels import service as labels
from callmark.domain.policy.model import Action
from callmark.domain.policy.plan import MANAGEMENT, Feature
from callmark.instants import to_ms
from callmark.surfaces.api.doc_parts import Json
from callmark.surfaces.api.example_values import ACCOUNT_ID, ENDS_AT, LABEL_ID, STARTS_AT
from callmark.surfaces.api.routes import ROUTES as API
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest
from callmark.surfaces.console.route import get
from callmark.surfaces.reference.components import JSON
from callmark.surfaces.reference.openapi import openapi

_SPOKEN = ("key_id", "api_key")
"""Fields of the token route whose value is a variable of the shell, so that no secret is typed into a command."""
_NEEDED = {(route.method, route.path): route.features for route in API}


class RouteExample(Struct, frozen=True):
    """One route: what it does, the command that calls it, an answer; `has_access`: whether the account subscribes."""

    id: str
    method: str
    path: str
    title: str
    paragraphs: list[str]
    has_access: bool
    curl: str
    answer: str


class ReferencePage(Page, frozen=True):
    """Routes by their tags."""

    template: ClassVar[str] = "reference/reference.html"
    groups: list[tuple[str, list[RouteExample]]]
    account_id: str
    base_url: str


async def show_reference(request: ConsoleRequest) -> Response:
    now = request.deps.clock.now()
    dynamic = await labels.list_for_records(request.deps, request.account_id)
    own = {
        ACCOUNT_ID: str(request.account_id),
        STARTS_AT: to_ms(now) // 1000 * 1000,
        ENDS_AT: to_ms(now + timedelta(hours=1)) // 1000 * 1000,
    }
    own |= {LABEL_ID: str(dynamic[0].id)} if dynamic else {}
    times = {"from": now - timedelta(days=1), "from_date": now - timedelta(days=1), "to": now}
    writer = _Writer(request.deps.public_url, own, {name: str(int(at.timestamp())) for name, at in times.items()})
    features = request.live_session.features
    groups: dict[str, list[RouteExample]] = {}
    for method, path, told in _operations(request.deps.public_url):
        groups.setdefault(told["tags"][0], []).append(writer.operation(method, path, told, features))
    return page(request, ReferencePage([*groups.items()], str(request.account_id), request.deps.public_url))


@lru_cache(1)
def _document(public_url: str) -> Json:
    return openapi(API, public_url, __version__)


def _operations(public_url: str) -> Iterator[tuple[str, str, Json]]:
    for path, methods in _document(public_url)["paths"].items():
        for method, told in methods.items():
            yield method.upper(), path, told


class _Writer(Struct, frozen=True):
    """Writes routes with what is `own` to the account in the place of the document's examples."""

    base_url: str
    own: Mapping[str | int, str | int]
    times: Mapping[str, str]

    def operation(self, method: str, path: str, told: Json, features: frozenset[Feature]) -> RouteExample:
        needed = _NEEDED[method, path]
        return RouteExample(
            told["operationId"],
            method,
            path.replace("{clientAccountId}", str(self.own[ACCOUNT_ID])),
            told["summary"],
            told["description"].split("\n\n"),
            not needed or MANAGEMENT in needed or not features.isdisjoint(needed),
            self._curl(method, path, told),
            self._example(next(answer for status, answer in told["responses"].items() if status < "300")),
        )

    def _curl(self, method: str, path: str, told: Json) -> str:
        parts = [f'curl "{self.base_url}{self._address(path, told)}"']
        if told["security"]:
            parts.append('-H "Authorization: Bearer $TOKEN"')
        if "requestBody" in told:
            parts.append("-H 'Content-Type: application/json'")
            parts.append(f"-d {_quoted(self._example(told['requestBody']))}")
        if method not in {"GET", "POST"} or (method == "POST" and "requestBody" not in told):
            parts.append(f"-X {method}")
        return " \\\n  ".join(parts)

    def _address(self, path: str, told: Json) -> str:
        path = path.replace("{clientAccountId}", str(self.own[ACCOUNT_ID]))
        path = re.sub(r"{(\w+)}", lambda found: f"${_variable(found[1])}", path)
        asked = [one for one in told["parameters"] if one["in"] == "query" and one["required"]]
        query = "&".join(f"{one['name']}={self._value(one)}" for one in asked)
        return f"{path}?{query}" if query else path

    def _value(self, parameter: Json) -> str:
        name = parameter["name"]
        return self.times.get(name) or str(parameter.get("example") or f"${_variable(name)}")

    def _example(self, content: Json) -> str:
        """The first example of a body as indented JSON; empty for none."""
        examples = content.get("content", {}).get(JSON, {}).get("examples", {})
        value = next((one["value"] for one in examples.values()), None)
        return "" if value is None else msgspec.json.format(msgspec.json.encode(self._filled(value)), indent=2).decode()

    def _filled(self, value: object) -> object:
        if isinstance(value, dict):
            return {key: self._filled(one) for key, one in cast("Json", value).items()}
        if isinstance(value, list):
            return [self._filled(one) for one in cast("list[object]", value)]
        return self.own.get(value, value) if isinstance(value, str | int) else value


def _variable(name: str) -> str:
    """A shell's variable for a parameter: `batchId` is `BATCH_ID`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()


def _quoted(text: str) -> str:
    """JSON as one word of a shell; the parts of a key pair are variables."""
    quoted = "'" + text.replace("'", "'\\''") + "'"
    for name in _SPOKEN:
        variable = f"'\"${name.upper()}\"'"  # ends the word's quotes for a moment
        quoted = re.sub(rf'("{name}": ")[^"]*', rf"\g<1>{variable}", quoted)
    return quoted


ROUTES = (get("/reference", show_reference, Action.REFERENCE),)
