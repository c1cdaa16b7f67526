"""How a client is put together from its arguments; the same for both kinds."""

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from inspect import getattr_static
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar, overload

import httpx

from callmark.client.core import Core
from callmark.client.environment import Environment, config_file, variables
from callmark.client.errors import CallmarkError
from callmark.client.http_clients import HttpClient, make_http
from callmark.client.options import MAX_RETRIES, TIMEOUT_S, Generation, Options, found_options
from callmark.client.reprs import SecretDict, without_frames
from callmark.client.shells import hide_queries
from callmark.client.token_stores import MemoryTokenStore, TokenStore

AnyHttpClient: TypeAlias = httpx.Client | httpx.AsyncClient
_TIMEOUT_OF_HTTPX = httpx.Timeout(5.0)
"""What a client of httpx has if nobody gives it one; batches and pages of numbers take longer."""


class Parts:
    """What a client and its changed copies share, and the core that they do not."""

    def __init__(self, core: Core, store: TokenStore, *, is_http_ours: bool) -> None:
        self.core = core
        self.store = store
        self.is_http_ours = is_http_ours
        """Whether the client of httpx was made for the options, not handed over."""

    def changed(self, http: AnyHttpClient | None, store: TokenStore | None, **changes: Any) -> "Parts":
        """The parts of a copy with other options; None leaves one as it is."""
        store = store or self.store
        given = SecretDict((name, value) for name, value in changes.items() if value is not None)
        del changes
        if (timeout := _timeout_of(http)) is not None:
            given.setdefault("timeout", timeout)
        options = _discreetly(lambda: replace(self.core.options, **given))
        pacer = self.core.pacer if _key_of(options) == _key_of(self.core.options) else None
        core = Core(options, store, self.core.environment, pacer)
        return Parts(core, store, is_http_ours=self.is_http_ours and http is None)

    def maker(self, kind: type[HttpClient]) -> Callable[[], HttpClient]:
        """What makes a client of httpx for these options. Raises CallmarkError as make_http does."""
        return lambda: make_http(kind, self.core.options)

    def needs_other_http(self, original: "Parts") -> bool:
        """Whether the original's connections do not fit: no proxy of the environment leads to this machine."""
        here, there = self.core.options, original.core.options
        return self.is_http_ours and here.is_on_this_machine != there.is_on_this_machine


C = TypeVar("C")
R = TypeVar("R")


class LazyResource(Generic[C, R]):
    """An attribute of a client that is made at its first use. Read from the client's class, it is the resource's class.

    So `create_autospec` and `help` find the methods. `functools.cached_property` shows none, and in Python 3.11 it
    holds a lock while it makes something, which nobody gives back in a child that is forked meanwhile.
    """

    def __init__(self, make: Callable[[C], R]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, client: None, _: type[C] | None = None) -> type[R]: ...
    @overload
    def __get__(self, client: C, _: type[C] | None = None) -> R: ...
    def __get__(self, client: C | None, _: type[C] | None = None) -> type[R] | R:
        """Threads that ask at the same moment get the same one."""
        if client is None:
            return self._make.__annotations__["return"]
        return vars(client).setdefault(self._make.__name__, self._make(client))


def carried(client: object) -> dict[str, Any]:
    """What a changed copy has of a client, also what a class of one's own has added.

    What was made at its first use may be of an option that the copy changes: the copy makes its own.
    """
    kind, held = type(client), dict(vars(client))  # a copy: other threads may use a resource for the first time
    made = [name for name in held if isinstance(getattr_static(kind, name, None), LazyResource | cached_property)]
    for name in made:
        del held[name]
    return held


def make_parts(
    *,
    base_url: str | None,
    account_id: str | None,
    key_id: str | None,
    api_key: str | None,
    timeout: float | httpx.Timeout | None,
    max_retries: int | None,
    http_client: AnyHttpClient | None,
    token_store: TokenStore | None,
    generation: Generation | None,
    profile: str | None,
) -> Parts:
    """The parts of a new client. Raises CallmarkError when something is missing."""
    timeout = _timeout_of(http_client) if timeout is None else timeout
    options = _discreetly(
        lambda: Options(
            **found_options(
                SecretDict(base_url=base_url, account_id=account_id, key_id=key_id, api_key=api_key),
                SecretDict(variables()),
                _profiles(is_needed=profile is not None),
                profile,
            ),
            timeout=TIMEOUT_S if timeout is None else timeout,
            max_retries=MAX_RETRIES if max_retries is None else max_retries,
            generation=2 if generation is None else generation,
        )
    )
    hide_queries()
    store = token_store or MemoryTokenStore()
    return Parts(Core(options, store, Environment()), store, is_http_ours=http_client is None)


def _discreetly(make: Callable[[], Options]) -> Options:
    """The options. Of those that cannot be used, an error has no frames: some trackers keep variables as they are.

    No context manager, which would put the frames back.
    """
    handled = sys.exception()
    try:
        return make()
    except CallmarkError as exc:
        without_frames(exc, handled)
        raise


def _profiles(*, is_needed: bool) -> Path | None:
    """The file of the profiles; without a home directory it is none, unless it is needed. Raises CallmarkError."""
    try:
        return config_file()
    except CallmarkError:
        if is_needed:
            raise
        return None


def _key_of(options: Options) -> tuple[str, ...]:
    """What the server counts requests by: its limits are those of a token."""
    return options.base_url, options.account_id, options.key_id, options.api_key


def _timeout_of(http: AnyHttpClient | None) -> httpx.Timeout | None:
    """The timeout that a client of httpx was made with; None if it was made without."""
    return None if http is None or http.timeout == _TIMEOUT_OF_HTTPX else http.timeout
