"""What a client's options may be, and copies with others."""

import asyncio
import logging
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any

import certifi
import httpx
import pytest
from tests.client.virtual import RECORD, Played, answer

import callmark
from callmark.client.http_clients import make_http
from callmark.client.making import Parts
from callmark.client.options import Options
from callmark.client.pushing import push
from callmark.client.shells import hide_queries

GIVEN: dict[str, Any] = {"base_url": "https://a.example", "account_id": "acc", "key_id": "key", "api_key": "secret"}
HERE: dict[str, Any] = GIVEN | {"base_url": "http://127.0.0.1:8700"}
GOOD_PUSH = answer({"status_info": {"status": "success"}}, ratelimit='"real-time";r=0;t=1')
NO_URLS = ["", "callmark.example", "ftp://callmark.example", "https://", "http://[::1", "http://a.example:port"]


@pytest.mark.parametrize("url", [*NO_URLS, "ada:hidden@callmark.example"])
def test_a_base_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(callmark.CallmarkError, match="base_url must begin with") as raised:
        Options(url, "a", "k", "s")
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize("host", ["a..example", ".a.example", "a" * 64 + ".example", "xn--.example", "\u200ba.example"])
def test_a_host_that_cannot_be_looked_up_is_refused_before_anything_is_sent(host: str) -> None:
    """`https://callmark.$REGION.example` with a variable that is empty, for one."""
    with pytest.raises(callmark.CallmarkError, match=r"base_url .* cannot be asked: .*host"):
        Options(f"https://{host}", "a", "k", "s")


@pytest.mark.parametrize("url", ["https://a.example?x=1", "https://a.example/#a", "https://a.example/v2?"])
def test_a_base_url_to_which_no_path_can_be_added_is_refused(url: str) -> None:
    with pytest.raises(callmark.CallmarkError, match=r"no \? and no #"):
        Options(url, "a", "k", "s")


def test_blanks_around_a_base_url_do_not_count() -> None:
    assert Options(" https://a.example/api/ \n", "a", "k", "s").base_url == "https://a.example/api"


def test_blanks_around_what_identifies_a_client_do_not_count() -> None:
    found = Options("https://a.example", " acc\n", "\tkey\r\n", "\u00a0secret\n")
    assert (found.account_id, found.key_id, found.api_key) == ("acc", "key", "secret")


@pytest.mark.parametrize("name", ["base_url", "account_id", "key_id", "api_key"])
def test_a_blank_inside_is_refused_by_the_options_name_and_no_secret_is_shown(name: str) -> None:
    given = {"base_url": "https://a.example", "account_id": "a", "key_id": "k", "api_key": "s"}
    with pytest.raises(callmark.CallmarkError, match=f"{name} must have no blanks") as raised:
        Options(**(given | {name: f"https://a.example/hid\nden {given[name]}"}))  # pyright: ignore[reportArgumentType] - texts
    assert "hid" not in str(raised.value)


@pytest.mark.parametrize("name", ["base_url", "account_id", "key_id", "api_key"])
def test_bytes_that_are_no_utf_8_are_refused_by_the_options_name_and_no_secret_is_shown(name: str) -> None:
    """Python has such bytes of a variable as halves of characters."""
    given: dict[str, Any] = GIVEN | {name: f"{GIVEN[name]}hid\udcff"}
    with pytest.raises(callmark.CallmarkError, match=f"{name} has bytes that are no UTF-8") as raised:
        Options(**given)
    assert "hid" not in str(raised.value)


@pytest.mark.parametrize("name", ["account_id", "key_id", "api_key"])
def test_a_copy_gets_no_empty_option(name: str) -> None:
    changes: dict[str, Any] = {name: " "}
    with callmark.Client(**GIVEN) as client, pytest.raises(callmark.CallmarkError, match=f"{name} is empty"):
        client.with_options(**changes)


@pytest.mark.parametrize("url", ["https://ada:hidden@a.example", "http://ada@a.example/x", "http://:hidden@a.example"])
def test_a_base_url_with_a_password_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(callmark.CallmarkError, match=r"no user and password.*HTTPS_PROXY") as raised:
        Options(url, "a", "k", "s")
    assert "hidden" not in str(raised.value)


def test_a_slash_at_the_end_of_the_base_url_is_no_difference() -> None:
    assert Options("https://a.example/x/", "a", "k", "s").base_url == "https://a.example/x"


def test_a_generation_that_is_none_is_refused() -> None:
    with pytest.raises(callmark.CallmarkError, match="1, 2 or 3"):
        callmark.Client(**GIVEN, generation=4)  # pyright: ignore[reportArgumentType] - the fault


def test_a_copy_shares_connections_and_tokens_and_leaves_them_open() -> None:
    answers: dict[str, Any] = {"/clients/acc/token": {"token": "t"}, "/clients/acc/labels": []}
    asked: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, json=answers[request.url.path])

    with httpx.Client(transport=httpx.MockTransport(respond)) as http:
        client = callmark.Client(**GIVEN, http_client=http)
        assert list(client.labels.list()) == []
        with client.with_options(timeout=1, max_retries=0) as copy:
            assert list(copy.labels.list()) == []
        client.close()
        assert not http.is_closed
    assert asked == ["/clients/acc/token", "/clients/acc/labels", "/clients/acc/labels"]


OWN = httpx.Timeout(600, connect=7)


@pytest.mark.parametrize(
    ("http", "given", "changes", "waits"),
    [
        (None, None, {}, (30, 30)),
        (OWN, None, {}, (600, 600)),
        (httpx.Timeout(None), None, {"timeout": 3}, (None, 3)),
        (OWN, 4, {"timeout": httpx.Timeout(None)}, (4, None)),
        (None, 4, {"timeout": None, "max_retries": None, "generation": None, "account_id": None}, (4, 4)),
        (None, 4, {"http_client": OWN}, (4, 600)),
        (None, 4, {"http_client": OWN, "timeout": 3}, (4, 3)),
        (None, 4, {"http_client": None}, (4, 4)),
    ],
)
@pytest.mark.parametrize("way", ["threads", "tasks"])
def test_how_long_a_request_may_take(
    http: httpx.Timeout | None,
    given: float | None,
    changes: dict[str, Any],
    waits: tuple[float | None, ...],
    way: str,
) -> None:
    """`http` and `http_client` are the timeouts of such clients; None is one that was made without."""
    found: list[float | None] = []

    def respond(request: httpx.Request) -> httpx.Response:
        found.append(request.extensions["timeout"]["read"])
        return httpx.Response(200, json={"token": "t"})

    options: dict[str, Any] = GIVEN | {"timeout": given}
    made: dict[str, Any] = {"transport": httpx.MockTransport(respond)}

    def timeout_of(one: httpx.Timeout | None) -> dict[str, Any]:
        return {} if one is None else {"timeout": one}

    def with_threads() -> None:
        client = callmark.Client(**options, http_client=httpx.Client(**made, **timeout_of(http)))
        other = httpx.Client(**made, **timeout_of(changes.get("http_client")))
        client.resolve("1", "2")
        changed: dict[str, Any] = changes | ({"http_client": other} if "http_client" in changes else {})
        client.with_options(**changed).resolve("1", "2")

    async def with_tasks() -> None:
        client = callmark.AsyncClient(**options, http_client=httpx.AsyncClient(**made, **timeout_of(http)))
        other = httpx.AsyncClient(**made, **timeout_of(changes.get("http_client")))
        await client.resolve("1", "2")
        changed: dict[str, Any] = changes | ({"http_client": other} if "http_client" in changes else {})
        copy = client.with_options(**changed)
        await copy.resolve("1", "2")

    with_threads() if way == "threads" else asyncio.run(with_tasks())
    assert tuple(found[1:]) == waits


@pytest.mark.parametrize(
    ("changes", "pauses"),
    [
        ({"generation": 3}, 1),
        ({"base_url": "https://b.example"}, 0),
        ({"account_id": "acc-b"}, 0),
        ({"key_id": "key-b"}, 0),
        ({"api_key": "secret-b"}, 0),
    ],
)
def test_a_copy_shares_the_limits_of_the_same_key_alone(changes: dict[str, Any], pauses: int) -> None:
    played = Played(lambda _: GOOD_PUSH)
    parts = Parts(played.core(), callmark.MemoryTokenStore(), is_http_ours=True)
    record = callmark.CallRecord(**RECORD, expires_in=timedelta(hours=1))
    played.run(push(parts.core, record, None))
    played.run(push(parts.changed(None, None, **changes).core, record, None))
    assert len(played.pauses) == pauses


@pytest.mark.parametrize("kind", [callmark.Client, callmark.AsyncClient])
def test_a_copy_for_a_server_elsewhere_has_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, kind: type[callmark.Client | callmark.AsyncClient]
) -> None:
    here = kind(**HERE)
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    assert here.with_options(base_url="http://localhost:8701", account_id="acc-b")
    for client in (here, here.with_options(timeout=4)):
        with pytest.raises(callmark.CallmarkError, match="ALL_PROXY"):
            client.with_options(base_url="https://a.example")


def test_a_copy_closes_the_connections_that_it_alone_has() -> None:
    client = callmark.Client(**HERE)
    with client.with_options(base_url="https://a.example") as copy:
        shared = copy.with_options(timeout=4)
    for closed in (copy, shared):
        with pytest.raises(callmark.CallmarkError, match="the client is closed"):
            closed.resolve("1", "2")
    client.close()


async def test_an_asynchronous_client_closes_what_it_opened() -> None:
    async with callmark.AsyncClient(**GIVEN) as client:
        copy = client.with_options(generation=3)
    assert repr(copy) == "AsyncClient('https://a.example', generation=3)"
    with pytest.raises(callmark.CallmarkError, match="the client is closed"):
        await copy.resolve("1", "2")


@pytest.mark.parametrize("base_url", [GIVEN["base_url"], "https://localhost:8443"])
def test_certificates_that_the_environment_names_are_read_again_when_they_are_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, base_url: str
) -> None:
    here: dict[str, Any] = {"base_url": "http://localhost:8400"}
    there: dict[str, Any] = {"base_url": base_url}
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    authorities = tmp_path / "ca.pem"
    authorities.write_bytes(Path(certifi.where()).read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(authorities))
    callmark.Client(**GIVEN | there).close()
    authorities.write_text("replaced by what is no certificate")
    with pytest.raises(callmark.CallmarkError, match="SSL_CERT_FILE: the certificates cannot be read"):
        callmark.Client(**GIVEN | there)
    callmark.Client(**GIVEN | here).close()


@pytest.mark.parametrize("named", ["", certifi.where()])
def test_clients_share_certificates_that_were_read(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    """To read them blocks an event loop, and a program may make a client for each request."""
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", named)
    held: list[ssl.SSLContext | bool] = []

    class NotedClient(httpx.Client):
        def __init__(self, *, verify: ssl.SSLContext | bool, **given: Any) -> None:
            super().__init__(verify=verify, **given)
            held.append(verify)

    for _ in range(2):
        make_http(NotedClient, Options(**GIVEN)).close()
    assert isinstance(held[0], ssl.SSLContext)
    assert held[0] is held[1]


def test_logs_hold_no_number_no_token_and_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/downloads/"):
            return httpx.Response(200, text="a,b\n1,2\n")
        if request.url.path.endswith("/token"):
            return httpx.Response(200, json={"token": "t0ken"})
        return httpx.Response(200, json={"url": "https://a.example/downloads/signed"})

    hide_queries()
    caplog.set_level(logging.DEBUG)
    with httpx.Client(transport=httpx.MockTransport(respond)) as http:
        client = callmark.Client(**GIVEN, http_client=http)
        client.resolve("918040001234", "919900000001")
        assert list(client.logs.call_me_back(0, 1).rows()) == [{"a": "1", "b": "2"}]
    assert "resolve: 200" in caplog.text
    for secret in ("919900000001", "918040001234", "t0ken", "signed", "secret"):
        assert secret not in caplog.text
