"""Access tokens: made when needed, shared, renewed in time, never more than ten in half an hour (contract 3.1).

A server that tells what is left (`RateLimit`) is asked, whatever was counted here: its operator may have set another
number, and the reset of an emulator begins a new count.

A token's age is counted by this machine's clock from before it was asked for, so a server whose clock is elsewhere does
no harm. What `created_at` says of that other clock is kept: `starts_at` of a record is the server's present. After this
machine's clock was set, a new token tells it again. An emulator's clock is moved, so it is asked each time.
"""

import copy
import hashlib
import re
from collections.abc import Callable
from contextlib import suppress

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from callmark import __version__
from callmark.client.answers import check, decoded, unexpected
from callmark.client.environment import Environment
from callmark.client.errors import APIConnectionError, APIStatusError, APITimeoutError, CallmarkError, RateLimited
from callmark.client.flow import Answer, Flow, Pause, Request, apart, send
from callmark.client.forks import NotCopied
from callmark.client.options import Options
from callmark.client.real_dates import datetime
from callmark.client.reprs import SafeRepr, SecretBytes, SecretText
from callmark.client.token_stores import TokenState, TokenStore

USER_AGENT = f"callmark-python/{__version__}"
LIFETIME_S, RENEW_BEFORE_S = 3600.0, 300.0
MOST_TOKENS, WINDOW_S = 10, 1800.0
_POLL_S, _LONGEST_LOCK_S = 0.02, 60.0
_SHARE = "Share one client, or give processes on one machine the same FileTokenStore"
_TRIVIAL_OFFSET_S = 2.0
"""A difference between the clocks that may be the way of the answer."""
_CLOCK_SET_S = 30.0
"""A change of this machine's clock that is more than its daily correction."""
_CLOCK_HEADER = "callmark-clock"
"""What the clock of an emulator shows, in each of its answers (docs/emulator.md)."""
_REDIRECT, _SERVER = 300, 500
_TOKEN = re.compile(r"[!-~]+")


class _TokenOut(SafeRepr, Struct):
    token: str
    created_at: datetime | None = None


class Tokens(NotCopied):
    """The current token of one key at one server."""

    def __init__(
        self, options: Options, store: TokenStore, environment: Environment, observe: Callable[[Answer], None]
    ) -> None:
        self._options = options
        self._store = store
        self._environment = environment
        self._observe = observe
        self._state: TokenState | None = None
        self._failure: CallmarkError | None = None
        """Why the last request for a token failed, without its traceback."""
        named = f"{options.base_url}\n{options.account_id}\n{options.key_id}\n{options.api_key}"
        self.name = hashlib.sha256(named.encode()).hexdigest()[:32]
        """What the store calls the key's state, and its lock."""

    @property
    def clock_offset_s(self) -> float:
        """How far the server's clock is ahead of ours, as far as we know; 0 while they agree."""
        if self._state is None:
            return 0.0
        told = self._state.clock_offset_s
        # Who sets a clock brings it nearer to others. What would take it away from them was no setting.
        return min(told - self._set_by_s(self._state), told, key=abs)

    def read_moved_clock(self) -> Flow[None]:
        """Asks an emulator what its clock shows, because it may have been moved; without an answer, that stays."""
        if self._state is None or not self._state.is_of_emulator:
            return
        with suppress(CallmarkError):
            answer = yield from send(Request("GET", f"{self._options.base_url}/healthz", {"User-Agent": USER_AGENT}))
            if shown := _clock_of(answer):
                self._state = replace(self._state, **self._clocks(shown))

    def current(self, rejected: str | None = None) -> Flow[str]:
        """A token that is valid for some minutes and is not the rejected one. Raises what making one raises."""
        state = self._state
        if state and self._is_good(state, rejected):
            return SecretText(state.token)
        return (yield from self._renewed(rejected))

    def _is_good(self, state: TokenState, rejected: str | None) -> bool:
        """Whether it lasts for some minutes and tells how the clocks differ."""
        return self._is_usable(state, rejected, LIFETIME_S - RENEW_BEFORE_S) and not self._set_by_s(state)

    def _as_of_here(self, state: TokenState) -> TokenState:
        """The state for this machine's clock as it is set now; another machine's is taken to agree with it."""
        here = self._environment.machine()
        if state.machine == here:
            return state
        return replace(state, clock_setting=self._environment.clock_setting(), machine=here)

    def _set_by_s(self, state: TokenState) -> float:
        """By how much this machine's clock was set since the state's was noted; or it slept so long, or was started."""
        if state.clock_setting is None or state.machine != self._environment.machine():
            return 0.0
        by = self._environment.clock_setting() - state.clock_setting
        return by if abs(by) > _CLOCK_SET_S else 0.0

    def _clocks(self, shown: datetime) -> dict[str, float]:
        """What a state says of the clocks when the server's shows that."""
        offset = shown.timestamp() - self._environment.now()
        return {
            "clock_offset_s": 0.0 if abs(offset) < _TRIVIAL_OFFSET_S else offset,
            "clock_setting": self._environment.clock_setting(),
        }

    def _is_usable(self, state: TokenState, rejected: str | None, until_s: float) -> bool:
        age = self._environment.now() - state.made_at
        return bool(state.token) and state.token != rejected and 0 <= age < until_s

    def _renewed(self, rejected: str | None) -> Flow[str]:
        """Only one at a time, over tasks, threads and processes; the others take what it made, or fail as it did."""
        until, known = self._environment.monotonic() + _LONGEST_LOCK_S, self._failure
        while not self._store.acquire(self.name):
            # Someone makes one now. What is left of the old token's hour is enough until then.
            if (state := self._state) and self._is_usable(state, rejected, LIFETIME_S):
                return SecretText(state.token)
            self._fail_as_others(known)
            if self._environment.monotonic() > until:
                raise _not_in_time()
            yield Pause(_POLL_S)
        # A time limit around a push must not throw away what the server has made and counted.
        return (yield from apart(self._renewed_under_lock(rejected, known)))

    def _renewed_under_lock(self, rejected: str | None, known: CallmarkError | None) -> Flow[str]:
        """The token of the store, or a new one; gives the lock back."""
        try:
            state = self._store.load(self.name)
            if not self._is_good(state, rejected):
                state = yield from self._made_or_old(state, rejected, known)
            self._state = self._as_of_here(state)
        finally:
            self._store.release(self.name)
        return SecretText(state.token)

    def _made_or_old(self, state: TokenState, rejected: str | None, known: CallmarkError | None) -> Flow[TokenState]:
        """A new token; where none can be had, the old one while its hour lasts."""
        try:
            self._fail_as_others(known)
            return (yield from self._make(state))
        except CallmarkError:
            if self._is_usable(state, rejected, LIFETIME_S):
                return state
            raise

    def _fail_as_others(self, known: CallmarkError | None) -> None:
        """Raises what another thread or task met since `known`, while this one waited for it.

        The same request would wait for the same server again: of six threads, the last for six times the timeout.
        """
        failure = self._failure
        if failure is not None and failure is not known:
            raise copy.copy(failure)

    def _make(self, state: TokenState) -> Flow[TokenState]:
        asked_at = self._environment.now()
        made = [at for at in state.history if 0 <= asked_at - at < WINDOW_S]
        if len(made) >= MOST_TOKENS and not state.is_counted_there:
            raise _limit_reached(WINDOW_S - (asked_at - made[0]))
        counted = replace(state, history=[*made, asked_at])
        try:
            answer = yield from send(self._request())
            self._observe(answer)
            check(answer)
            out = decoded(answer, _TokenOut)
            if not _TOKEN.fullmatch(out.token):
                raise unexpected(answer, "its token has characters that no header can carry, or none")
        except RateLimited as exc:  # the server counts too
            refused = exc.advised(_SHARE)
            self._failure = copy.copy(refused)
            raise refused from None
        except CallmarkError as exc:
            if _may_have_counted(exc):
                self._store.save(self.name, counted)
            self._failure = copy.copy(exc)
            raise
        new = TokenState(
            out.token,
            asked_at,
            history=counted.history,
            is_counted_there=_is_told(answer),
            is_of_emulator=_CLOCK_HEADER in answer.headers,
            machine=self._environment.machine(),
        )
        if out.created_at:
            new = replace(new, **self._clocks(out.created_at))
        self._store.save(self.name, new)
        return new

    def _request(self) -> Request:
        options = self._options
        pair = SecretBytes(msgspec.json.encode({"api_key": str(options.api_key), "key_id": options.key_id}))
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": USER_AGENT,
            "X-Public-Access": "allow",
        }
        return Request("POST", f"{options.base_url}{options.account_path}/token", headers, pair)


def _is_told(answer: Answer) -> bool:
    """Whether the server says how many tokens may still be made."""
    return answer.headers.get("ratelimit", "").startswith('"token";r=')


def _clock_of(answer: Answer) -> datetime | None:
    """What an emulator's clock shows."""
    with suppress(ValueError):
        return datetime.fromisoformat(answer.headers.get(_CLOCK_HEADER, ""))
    return None


def _may_have_counted(exc: CallmarkError) -> bool:
    """Whether the server may have made a token although no whole answer tells so (contract D7)."""
    if isinstance(exc, APIConnectionError):
        return True
    return isinstance(exc, APIStatusError) and (exc.status < _REDIRECT or exc.status >= _SERVER)


def _not_in_time() -> APITimeoutError:
    return APITimeoutError(
        f"no access token could be had in {_LONGEST_LOCK_S:.0f} s: another thread or program was making one all the "
        "time. Check the base URL, and that the server answers"
    )


def _limit_reached(wait_s: float) -> RateLimited:
    return RateLimited(
        f"{MOST_TOKENS} access tokens were made in the last {WINDOW_S / 60:.0f} minutes",
        status=429,
        slug="too-many-requests",
        retry_after=wait_s,
        advice=_SHARE,
    )
