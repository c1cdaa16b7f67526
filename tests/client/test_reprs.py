"""What objects of the library show of themselves, and tracebacks with their variables, which error trackers keep."""

import asyncio
import importlib
import pkgutil
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from traceback import walk_tb
from types import TracebackType
from typing import Any, cast

import httpx
import msgspec
import pytest
from rich.pretty import pretty_repr
from tests.client.webhook_events import CALLBACK, SECRET, event, signed

import callmark
import callmark.client
from callmark.client.flow import Request, Send

KEY, TOKEN, NUMBER, LINK = "LONG-LIVED-SECRET", "cmat-0123456789", "919900112233", "https://files.example/k7?sig=s1gned"
SOURCE = str(Path(callmark.__file__).parent)
HIDDEN = {"api_key", "token", "secret", "url", "values", "value", "headers", "query", "body", "raw", "submitted"}
OF_BUSINESS = {"business_number", "caller_number", "phone_number"}
NO_NUMBERS = {"number", "row_number", "last_number", "serial_number"}
"""Places in a log or a file."""


def classes() -> Iterator[type[Any]]:
    """Every class of data of the library and its commands."""
    for found in pkgutil.walk_packages(callmark.client.__path__, "callmark.client."):
        module = importlib.import_module(found.name)
        ours = (one for one in vars(module).values() if isinstance(one, type) and one.__module__ == found.name)
        yield from filter(is_data, ours)


def is_data(one: type[Any]) -> bool:
    return issubclass(one, msgspec.Struct) or is_dataclass(one)


def names(one: type[Any]) -> tuple[str, ...]:
    return one.__struct_fields__ if issubclass(one, msgspec.Struct) else tuple(each.name for each in fields(one))


def is_hidden(name: str) -> bool:
    """Whether a field may hold a secret or a person's number."""
    if name in HIDDEN or name.endswith(("_secret", "_token")) or name in {"receiver", "client", "callable"}:
        return True
    return name.endswith("_number") and name not in OF_BUSINESS | NO_NUMBERS


def filled(kind: type[Any], value: object) -> object:
    """One whose fields that may hold a secret, or a person's number, hold the value."""
    values = {name: value if is_hidden(name) else "harmless" for name in names(kind)}
    if "url" in values:
        values["url"] = f"https://a.example/?{NUMBER}"
    if issubclass(kind, msgspec.Struct):
        return kind(**values)
    one = object.__new__(kind)
    for name, each in values.items():
        object.__setattr__(one, name, each)
    return one


@pytest.mark.parametrize("value", [NUMBER, NUMBER.encode(), {NUMBER: NUMBER}])
def test_no_repr_shows_a_secret_or_a_number_of_a_person(value: object) -> None:
    made = [filled(kind, value) for kind in classes()]
    assert len(made) > 90
    assert [type(one).__name__ for one in made if NUMBER in repr(one) + pretty_repr(one)] == []


def test_what_is_not_secret_is_shown() -> None:
    record = callmark.CallRecord("918040001234", NUMBER, reason="Your parcel arrives", expires_in=timedelta(hours=1))
    assert "caller='918040001234', receiver='…2233'" in repr(record)
    assert "reason='Your parcel arrives'" in repr(record)
    asked = Send(Request("GET", f"https://a.example/clients/acc/resolve?receiver={NUMBER}", {"Authorization": TOKEN}))
    assert repr(asked) == "Send(request=Request(method=GET, path=/clients/acc/resolve))"


def cut(_: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("cut")


def refuse(_: httpx.Request) -> httpx.Response:
    return httpx.Response(400, json={"message": "ends_at is invalid", "record": {"receiver_number": NUMBER}})


def redirect(_: httpx.Request) -> httpx.Response:
    return httpx.Response(301, headers={"location": f"http://b.test/?receiver={NUMBER}"})


def answer_half(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=f'{{"batch_id": 5, "receiver": "{NUMBER}"'.encode())


def limit(_: httpx.Request) -> httpx.Response:
    raise TimeoutError("a time limit, raised out of a signal handler")


def make_no_token(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"token": TOKEN, "created_at": 5})


Respond = Callable[[httpx.Request], httpx.Response]


def after_token(respond: Respond, path: str) -> httpx.MockTransport:
    """A server that answers so to that path alone."""

    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(path):
            return respond(request)
        return httpx.Response(200, json={"token": TOKEN, "url": LINK})

    return httpx.MockTransport(serve)


def records() -> Iterator[dict[str, Any]]:
    yield {"caller": "918040001234", "receiver": NUMBER, "expires_in": timedelta(hours=1)}


@pytest.mark.parametrize("respond", [cut, refuse, redirect, answer_half, limit, make_no_token])
@pytest.mark.parametrize("path", ["/token", "/dynamic_call_records", "/labels", "/k7"])
@pytest.mark.parametrize("way", ["threads", "tasks"])
def test_no_traceback_with_variables_shows_one(
    monkeypatch: pytest.MonkeyPatch, respond: Respond, path: str, way: str
) -> None:
    monkeypatch.setenv("CALLMARK_API_KEY", KEY)
    options: dict[str, Any] = {"base_url": "http://callmark.test", "account_id": "a", "key_id": "k", "max_retries": 0}
    transport = after_token(respond, path)

    def with_threads() -> None:
        client = callmark.Client(**options, http_client=httpx.Client(transport=transport))
        if path == "/labels":
            list(client.labels.list())
        elif path == "/k7":
            list(client.logs.call_me_back(0, 1).rows())
        list(client.push_many(records()))

    async def with_tasks() -> None:
        client = callmark.AsyncClient(**options, http_client=httpx.AsyncClient(transport=transport))
        if path == "/labels":
            _ = [one async for one in client.labels.list()]
        elif path == "/k7":
            _ = [one async for one in (await client.logs.call_me_back(0, 1)).rows()]
        _ = [one async for one in client.push_many(records())]

    with pytest.raises((callmark.CallmarkError, TimeoutError)) as raised:
        with_threads() if way == "threads" else asyncio.run(with_tasks())
    check_discreet(raised.value)


def check_discreet(error: BaseException, but: tuple[str, ...] = ()) -> None:
    """What the library's frames show of their variables, and what the error says.

    So do those of what it called, unless the error is not the library's, and these are not its to hide.
    """
    is_ours, shown = isinstance(error, callmark.CallmarkError), list[str]()
    for told in chained(traceback.TracebackException.from_exception(error, capture_locals=True)):
        frames = (one for one in told.stack if one.filename != __file__ and (is_ours or SOURCE in one.filename))
        shown += told.format_exception_only()
        variables = chain.from_iterable((one.locals or {}).items() for one in frames)
        shown += [f"{name} = {value}" for name, value in variables if name not in but]
    for frame, _ in chain.from_iterable(walk_tb(one) for one in tracebacks(error)):
        file = frame.f_code.co_filename
        if file != __file__ and (is_ours or SOURCE in file):
            kept = {name: value for name, value in frame.f_locals.items() if name not in but}
            shown += [f"{frame.f_code.co_name}: {one}" for one in walked(kept)]
    assert len(shown) > 5
    for secret in (KEY, TOKEN, NUMBER, "files.example/k7", "s1gned", SECRET, SECRET.removeprefix("whsec_")):
        assert [line for line in shown if secret in line] == []


def tracebacks(error: BaseException | None) -> Iterator[TracebackType | None]:
    """Of an error and of those that it came from."""
    if error:
        yield error.__traceback__
        yield from tracebacks(error.__cause__)
        yield from tracebacks(error.__context__)


def walked(value: Any) -> Iterator[str]:
    """What a tracker keeps that walks into containers, as Sentry does, unless they say what they show."""
    says = getattr(value, "__sentry_repr__", None)
    if says or isinstance(value, str | bytes | msgspec.Struct):
        yield says() if says else repr(value)
    elif isinstance(value, Mapping):
        for name in cast("Mapping[Any, Any]", value):
            yield from (f"{name}: {text}" for text in walked(value[name]))
    elif isinstance(value, list | tuple | AbstractSet):
        for one in cast("Iterable[Any]", value):
            yield from walked(one)
    else:
        yield repr(value)


def chained(told: traceback.TracebackException | None) -> Iterator[traceback.TracebackException]:
    """An error and those that it came from."""
    if told:
        yield told
        yield from chained(told.__cause__)
        yield from chained(told.__context__)


Operation = Callable[[callmark.Client], object]
OPERATIONS: dict[str, Operation] = {
    "first push": lambda client: client.push(
        caller="918040001234", receiver="9199", reason="x", ends_at=datetime(2026, 1, 1)
    ),
    "batch": lambda client: client.batches.create(records()),
    "batch with a misspelt field": lambda client: client.batches.create({"reciever": NUMBER} for _ in "1"),
    "batch with a number that is no text": lambda client: client.batches.create(
        {"caller": "9", "receiver": int(NUMBER)} for _ in "1"
    ),
    "check": lambda client: client.check(records()),
    "resolve": lambda client: client.resolve(caller="918040001234", receiver=NUMBER),
    "announce": lambda client: client.calls.announce("1", caller="918040001234", receiver=NUMBER),
    "numbers": lambda client: client.numbers.publish("f", [NUMBER]),
}


@pytest.mark.parametrize("respond", [cut, refuse, answer_half])
@pytest.mark.parametrize("name", OPERATIONS)
def test_nor_does_one_of_another_operation(name: str, respond: Respond) -> None:
    def serve(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"token": TOKEN}) if request.url.path.endswith("/token") else respond(request)

    client = callmark.Client(
        base_url="http://callmark.test",
        account_id="a",
        key_id="k",
        api_key=KEY,
        max_retries=0,
        http_client=httpx.Client(transport=httpx.MockTransport(serve)),
    )
    with pytest.raises(callmark.CallmarkError) as raised:
        OPERATIONS[name](client)
    check_discreet(raised.value, but=("receiver", "numbers"))  # what the program itself has handed over


@pytest.mark.parametrize(
    "variable",
    [
        {"CALLMARK_API_KEY": f"{KEY} {KEY}"},
        {"CALLMARK_KEY_ID": "a b"},
        {"CALLMARK_ACCOUNT_ID": ""},
        {"CALLMARK_BASE_URL": "nowhere"},
    ],
)
def test_nor_does_one_of_a_client_that_cannot_be_made(
    monkeypatch: pytest.MonkeyPatch, variable: dict[str, str]
) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nowhere")
    monkeypatch.setenv("DATABASE_URL", f"postgres://shop:{TOKEN}@db")
    given = {"BASE_URL": "http://a.example", "ACCOUNT_ID": "a", "KEY_ID": "k", "API_KEY": KEY}
    for name, value in ({f"CALLMARK_{name}": value for name, value in given.items()} | variable).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(callmark.CallmarkError) as raised:
        callmark.Client()
    check_discreet(raised.value)


@pytest.mark.parametrize("change", [{"api_key": f"{KEY} {KEY}"}, {"api_key": KEY, "base_url": "nowhere"}])
def test_nor_does_one_of_a_changed_copy_that_cannot_be_made(change: dict[str, Any]) -> None:
    client = callmark.Client(base_url="http://callmark.test", account_id="a", key_id="k", api_key=KEY)
    with pytest.raises(callmark.CallmarkError) as raised:
        client.with_options(**change)
    check_discreet(raised.value, but=("api_key",))


def test_nor_does_one_of_a_webhook_that_anybody_sent() -> None:
    body = event("cmb", CALLBACK)
    with pytest.raises(callmark.WebhookVerificationError) as raised:
        callmark.webhooks.unwrap(body + b" ", signed(body), secret=SECRET)
    check_discreet(raised.value)


@pytest.mark.parametrize("fails", ["to be made", "to connect", "because it is closed"])
def test_what_a_program_was_handling_keeps_its_frames(monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nowhere")
    http = httpx.Client(transport=httpx.MockTransport(cut))
    client = callmark.Client(
        base_url="http://callmark.test", account_id="a", key_id="k", api_key=KEY, max_retries=0, http_client=http
    )

    def its_own() -> None:
        raise KeyError("a missing row")

    def call() -> None:
        if fails == "to be made":
            callmark.Client(base_url="http://callmark.test")
        if fails == "because it is closed":
            http.close()
        list(client.labels.list())

    def handle() -> None:
        try:
            its_own()
        except KeyError:
            call()

    with pytest.raises(callmark.CallmarkError) as raised:
        handle()
    told = "".join(traceback.format_exception(raised.value))
    assert "in its_own\n" in told
    assert "a missing row" in told
