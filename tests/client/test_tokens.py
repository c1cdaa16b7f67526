"""Tokens: when one is made, who shares it, how many there can be."""

import asyncio
import stat
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.client.virtual import Played, Reply, VirtualTime, answer, apart_of, error, headers_of, replies

import callmark
from callmark.client import extensions
from callmark.client.core import Core
from callmark.client.flow import Pause, Request, Send
from callmark.client.token_stores import FileTokenStore, MemoryTokenStore, TokenState, TokenStore

GOOD = answer({"shows": "none"})


def ask(played: Played, core: Core) -> str:
    """Any request; the token that it carried."""
    played.run(extensions.resolve(core, "1", "2"))
    return headers_of(played.requests[-1])["Authorization"]


def test_a_token_is_made_once_and_renewed_five_minutes_before_its_hour() -> None:
    played = Played(lambda _: GOOD)
    core = played.core()
    assert ask(played, core) == "Bearer token-1"
    played.time.seconds = 3299
    assert ask(played, core) == "Bearer token-1"
    played.time.seconds = 3301
    assert ask(played, core) == "Bearer token-2"
    assert played.tokens == 2


@pytest.mark.parametrize("token", ["", "t\u00f6ken", "to\nken", "to ken"])
def test_a_token_that_no_header_can_carry_is_no_answer_of_the_api(token: str) -> None:
    played = Played(lambda _: GOOD, token_reply=lambda: answer({"token": token}))
    with pytest.raises(callmark.UnexpectedAnswer, match="its token"):
        ask(played, played.core(max_retries=0))
    assert played.requests == []


def test_an_account_id_is_one_segment_of_every_path() -> None:
    asked: list[str] = []

    def serve(request: Request) -> Reply:
        asked.append(request.url.removeprefix("http://callmark.test"))
        return answer({"token": "t", "shows": "none"})

    played = Played(serve)
    core = played.core(account_id="ab/c?d")
    making = apart_of(core.tokens.current())
    effect = next(making)
    assert isinstance(effect, Send)
    assert effect.request.url == "http://callmark.test/clients/ab%2Fc%3Fd/token"
    making.close()
    ask(played, core)
    assert asked[0].startswith("/extensions/v1/clients/ab%2Fc%3Fd/resolve")


def test_a_refused_token_is_replaced_once() -> None:
    played = Played(replies(error(401, "authorization-error", "please login again"), GOOD))
    assert ask(played, played.core()) == "Bearer token-2"
    assert played.pauses == []


def test_the_originals_other_word_for_it_counts_too() -> None:
    told = error(500, "internal-server-error", "500/50011 - Failed to parse token")
    played = Played(replies(told, GOOD))
    assert ask(played, played.core()) == "Bearer token-2"


def test_a_fresh_token_that_is_refused_too_is_an_error() -> None:
    played = Played(lambda _: error(401, "authorization-error", "please login again"))
    with pytest.raises(callmark.AuthenticationError, match="key id and secret"):
        ask(played, played.core())
    assert played.tokens == 2


def test_a_wrong_key_is_an_error_at_once() -> None:
    wrong = error(401, "authorization-error", "invalid api_key or key_id")
    played = Played(lambda _: GOOD, token_reply=lambda: wrong)
    with pytest.raises(callmark.AuthenticationError, match="invalid api_key or key_id"):
        ask(played, played.core())
    assert played.requests == []
    assert played.pauses == []


def test_never_more_than_ten_in_half_an_hour() -> None:
    played = Played(lambda _: error(401, "authorization-error", "please login again"))
    core = played.core()
    for _ in range(9):
        with pytest.raises(callmark.AuthenticationError):
            ask(played, core)
    assert played.tokens == 10
    with pytest.raises(callmark.RateLimited) as raised:
        ask(played, core)
    assert played.tokens == 10
    assert raised.value.retry_after == pytest.approx(1800)
    played.time.seconds += 1801
    with pytest.raises(callmark.AuthenticationError):
        ask(played, core)
    assert played.tokens > 10


def test_a_server_that_tells_what_is_left_decides_how_many_there_can_be(store: TokenStore) -> None:
    numbers = iter(range(1, 40))
    left = '"token";r=3;t=1800'
    made = Played(lambda _: GOOD, token_reply=lambda: answer({"token": f"token-{next(numbers)}"}, ratelimit=left))
    for number in range(1, 15):
        flow = made.core(store=store).tokens.current(rejected=f"token-{number - 1}")
        assert made.run(flow) == f"token-{number}"
    made.token_reply = lambda: error(429, "too-many-requests", retry_after="90")
    with pytest.raises(callmark.RateLimited) as refused:
        made.run(made.core(store=store).tokens.current(rejected="token-14"))
    assert refused.value.retry_after == 90
    assert "Share one client" in str(refused.value)


def test_a_token_that_may_have_been_made_counts() -> None:
    tries = iter([callmark.APIConnectionError("cut")] * 9)
    played = Played(lambda _: GOOD, token_reply=lambda: next(tries, None))
    core = played.core(max_retries=20)
    assert ask(played, core) == "Bearer token-1"
    with pytest.raises(callmark.RateLimited):
        played.run(core.tokens.current("token-1"))


def test_while_no_new_one_can_be_had_the_old_one_serves_its_hour() -> None:
    played = Played(lambda _: GOOD)
    core = played.core()
    ask(played, core)
    played.time.seconds = 3400
    played.token_reply = lambda: error(503)
    assert ask(played, core) == "Bearer token-1"
    played.time.seconds = 3601
    with pytest.raises(callmark.ServerError):
        ask(played, core)


@pytest.mark.parametrize("shift", [3600.0, -3600.0])
def test_a_clock_that_is_off_by_an_hour_costs_no_token(shift: float) -> None:
    played = Played(lambda _: GOOD)
    played.time.shift = shift
    core = played.core()
    for _ in range(5):
        ask(played, core)
        played.time.seconds += 600
    assert played.tokens == 1


NAME = Played(lambda _: GOOD).core().tokens.name
"""What the one key's state and lock are called."""


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> TokenStore:
    return MemoryTokenStore() if request.param == "memory" else FileTokenStore(tmp_path / "deep" / "tokens.json")


def test_clients_with_one_store_share_tokens_of_the_same_key_alone(store: TokenStore) -> None:
    played = Played(lambda _: GOOD)
    assert ask(played, played.core(store=store)) == "Bearer token-1"
    assert ask(played, played.core(store=store)) == "Bearer token-1"
    assert ask(played, played.core(store=store, key_id="other")) == "Bearer token-2"
    assert ask(played, played.core(store=store, api_key="rotated")) == "Bearer token-3"


def test_machines_share_a_token_whatever_their_clocks_count_from(store: TokenStore) -> None:
    """A clock that never jumps begins at each machine's start, so its difference to the time is no change there."""

    class OtherMachine(VirtualTime):
        def machine(self) -> str:
            return "another"

        def monotonic(self) -> float:
            return super().monotonic() + 1_000_000

    played = Played(lambda _: GOOD)
    ask(played, played.core(store=store))
    played.time = OtherMachine()
    assert ask(played, played.core(store=store)) == "Bearer token-1"


def test_who_finds_the_lock_taken_waits_and_takes_what_was_made(store: TokenStore) -> None:
    played = Played(lambda _: GOOD)
    core, other = played.core(store=store), played.core(store=store)
    assert store.acquire(NAME)
    waiting = core.tokens.current()
    next(waiting)
    store.release(NAME)
    assert ask(played, other) == "Bearer token-1"
    assert played.run(apart_of(waiting)) == "token-1"
    assert played.tokens == 1


def test_a_lock_that_is_never_given_back_is_a_server_that_does_not_answer(store: TokenStore) -> None:
    played = Played(lambda _: GOOD)
    assert store.acquire(NAME)
    with pytest.raises(callmark.APITimeoutError, match="no access token could be had in 60 s"):
        ask(played, played.core(store=store, max_retries=1))
    assert played.time.seconds == pytest.approx(120, abs=2)
    store.release(NAME)


def test_a_server_that_does_not_answer_blocks_no_other_account(store: TokenStore) -> None:
    played = Played(lambda _: GOOD)
    making = apart_of(played.core(store=store, account_id="unreachable").tokens.current())
    assert isinstance(next(making), Send)
    assert ask(played, played.core(store=store)) == "Bearer token-1"
    assert played.pauses == []
    making.close()


def test_states_of_several_keys_are_saved_beside_each_other(store: TokenStore) -> None:
    names = [f"../{number}" for number in range(4)]

    def make(name: str) -> None:
        assert store.acquire(name)
        for made_at in range(50):
            store.save(name, TokenState(name, made_at))
        store.release(name)

    threads = [threading.Thread(target=make, args=[name]) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [store.load(name) for name in names] == [TokenState(name, 49) for name in names]


def test_who_waits_for_a_token_shares_the_failure_and_asks_for_none(store: TokenStore) -> None:
    core = Played(lambda _: GOOD).core(store=store)
    making, first, second = apart_of(core.tokens.current()), core.tokens.current(), core.tokens.current()
    assert isinstance(next(making), Send)
    assert [type(next(first)), type(next(second))] == [Pause, Pause]
    with pytest.raises(callmark.APITimeoutError):
        making.throw(callmark.APITimeoutError("slow"))
    for waiting in (first, second):
        with pytest.raises(callmark.APITimeoutError, match="slow"):
            next(apart_of(waiting))
    later = apart_of(core.tokens.current())
    assert isinstance(next(later), Send)
    later.close()


def test_who_waits_behind_one_that_is_given_up_makes_the_token(store: TokenStore) -> None:
    core = Played(lambda _: GOOD).core(store=store)
    making, waiting = apart_of(core.tokens.current()), core.tokens.current()
    next(making)
    next(waiting)
    making.close()
    then = apart_of(waiting)
    assert isinstance(next(then), Send)
    then.close()


def test_an_operation_that_is_given_up_gives_the_lock_back(store: TokenStore) -> None:
    flow = apart_of(Played(lambda _: GOOD).core(store=store).tokens.current())
    next(flow)
    assert not store.acquire(NAME)
    flow.close()
    assert store.acquire(NAME)
    store.release(NAME)


async def test_a_token_that_is_refused_after_its_caller_was_cancelled_is_no_error_of_the_loop() -> None:
    """The loop of the tests complains of what failed and nobody awaited; asyncio prints it with a traceback."""
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def refuse(_: httpx.Request) -> httpx.Response:
        asked.set()
        await may_answer.wait()
        return httpx.Response(401)

    options: dict[str, Any] = {"base_url": "http://callmark.test", "account_id": "a", "key_id": "k", "api_key": "s"}
    async with httpx.AsyncClient(transport=httpx.MockTransport(refuse)) as http:
        client = callmark.AsyncClient(**options, http_client=http)
        cancelled = asyncio.create_task(client.resolve("1", "2"))
        await asked.wait()
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        may_answer.set()
        with pytest.raises(callmark.AuthenticationError):
            await client.resolve("1", "2")


async def test_a_push_that_is_cancelled_throws_no_token_away() -> None:
    """A time limit that is shorter than the server takes would use up all ten."""
    asked, may_answer = asyncio.Event(), asyncio.Event()
    tokens = 0

    async def respond(request: httpx.Request) -> httpx.Response:
        nonlocal tokens
        if not request.url.path.endswith("/token"):
            return httpx.Response(200, json={"shows": "none"})
        tokens += 1
        asked.set()
        await may_answer.wait()
        return httpx.Response(200, json={"token": "t0ken"})

    options: dict[str, Any] = {"base_url": "http://callmark.test", "account_id": "a", "key_id": "k", "api_key": "s"}
    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        client = callmark.AsyncClient(**options, http_client=http)
        for _ in range(3):
            cancelled = asyncio.create_task(client.resolve("1", "2"))
            await asked.wait()
            await asyncio.sleep(0)
            cancelled.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cancelled
        may_answer.set()
        await client.resolve("1", "2")
    assert tokens == 1


def test_the_file_is_private_and_holds_no_key(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    played = Played(lambda _: GOOD)
    ask(played, played.core(store=FileTokenStore(path)))
    assert len(list(tmp_path.iterdir())) == 3  # with a lock for the file and one for the key
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "token-1" in path.read_text()
    assert "s3cret" not in path.read_text()


def test_a_link_to_the_file_shares_its_tokens_and_locks(tmp_path: Path) -> None:
    """As a deployment links what is shared into each release."""
    file, link = tmp_path / "shared" / "tokens.json", tmp_path / "release" / "tokens.json"
    link.parent.mkdir()
    link.symlink_to(file)
    played = Played(lambda _: GOOD)
    for path in (link, file, link):
        assert ask(played, played.core(store=FileTokenStore(path))) == "Bearer token-1"
    assert list(link.parent.iterdir()) == [link]
    assert link.readlink() == file
    assert FileTokenStore(file).acquire(NAME)
    assert not FileTokenStore(link).acquire(NAME)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    path.write_text("{}")
    path.chmod(0o644)
    played = Played(lambda _: GOOD)
    with pytest.raises(callmark.CallmarkError, match=r"chmod 600"):
        ask(played, played.core(store=FileTokenStore(path)))


@pytest.mark.parametrize("content", [b"", b"{half", b"\xff\xfe", b"[]"])
def test_a_damaged_file_counts_as_empty(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokens.json"
    path.touch(0o600)
    path.write_bytes(content)
    played = Played(lambda _: GOOD)
    assert ask(played, played.core(store=FileTokenStore(path))) == "Bearer token-1"


def test_the_lock_of_a_file_holds_between_threads(tmp_path: Path) -> None:
    store, taken = FileTokenStore(tmp_path / "tokens.json"), list[bool]()
    assert store.acquire(NAME)
    thread = threading.Thread(target=lambda: taken.append(store.acquire(NAME)))
    thread.start()
    thread.join(60)
    assert taken == [False]
    store.release(NAME)
    assert FileTokenStore(tmp_path / "tokens.json").acquire(NAME)


def test_nothing_shows_a_secret() -> None:
    client = callmark.Client(base_url="https://callmark.example", account_id="a", key_id="k", api_key="s3cret")
    assert "s3cret" not in repr(client)
    assert "s3cret" not in repr(Played(lambda _: GOOD).core().options)
    client.close()
