"""A client's options: its arguments, and one source of all others: a profile, or the environment's variables."""

import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import quote, urlsplit

import httpx
from msgspec import structs

from callmark.client.addresses import host_fault
from callmark.client.errors import CallmarkError
from callmark.client.profiles import DEFAULT, other_keys, read_profile
from callmark.client.reprs import SecretDict, SecretText

Generation = Literal[1, 2, 3]
GENERATIONS: tuple[Generation, ...] = (1, 2, 3)
TIMEOUT_S = 30.0
"""A real-time push is answered within 3 s (contract D46); a batch and a page of 10,000 numbers take longer."""
MAX_RETRIES = 2
_VARIABLES = {
    "base_url": "CALLMARK_BASE_URL",
    "account_id": "CALLMARK_ACCOUNT_ID",
    "key_id": "CALLMARK_KEY_ID",
    "api_key": "CALLMARK_API_KEY",
}
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class Options:
    """Everything that a client is made of; never shows the secret."""

    base_url: str
    account_id: str
    key_id: str
    api_key: str = field(repr=False)
    timeout: float | httpx.Timeout = TIMEOUT_S
    max_retries: int = MAX_RETRIES
    generation: Generation = 2

    def __post_init__(self) -> None:
        for name in _VARIABLES:
            value = getattr(self, name).strip()
            if name == "api_key":
                value = SecretText(value)
            if not value and name != "base_url":
                raise CallmarkError(f"{name} is empty: pass a value, or leave it out")
            if any(map(str.isspace, value)):
                raise CallmarkError(f"{name} must have no blanks and no line breaks inside: was more than it copied?")
            if any(unicodedata.category(one) == "Cs" for one in value):  # as Python has such bytes of a variable
                raise CallmarkError(f"{name} has bytes that are no UTF-8: type it, or copy it from elsewhere")
            object.__setattr__(self, name, value)
        _check_address(self.base_url)
        if self.generation not in GENERATIONS:
            raise CallmarkError(f"generation must be 1, 2 or 3, not {self.generation!r}")
        object.__setattr__(self, "base_url", self.base_url.rstrip("/"))

    @property
    def account_path(self) -> str:
        """`/clients/{clientAccountId}`, which all paths of the account have."""
        return f"/clients/{quote(self.account_id, safe='', errors='replace')}"

    @property
    def is_on_this_machine(self) -> bool:
        """Whether the server is here, where no proxy can reach it."""
        return urlsplit(self.base_url).hostname in LOOPBACK


def _check_address(url: str) -> None:
    """Raises CallmarkError for what is no address of a server, and never shows a password."""
    with suppress(ValueError):  # half of an IPv6 address, a port that is no number
        parts = urlsplit(url)
        if "@" in parts.netloc:
            raise CallmarkError(
                "base_url must have no user and password: httpx would send them in place of the access token. Leave "
                "them out; those of a proxy belong into HTTPS_PROXY"
            )
        if "?" in url or "#" in url:
            raise CallmarkError("base_url must have no ? and no #: paths are added at its end")
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            if fault := host_fault(url):
                raise CallmarkError(f"base_url {url!r} cannot be asked: {fault}")
            return
    shown = "this" if "@" in url else repr(url)
    raise CallmarkError(f"base_url must begin with http:// or https:// and a host, not {shown}")


class _Source(NamedTuple):
    """Where all values come from that are not given: a profile of a file, or the variables, or nowhere."""

    values: Mapping[str, str]
    config: Path | None = None
    profile: str = ""

    def why(self, lacking: list[str]) -> str:
        """What to say of values that it lacks."""
        if self.config:
            others = ", ".join(other_keys(self.config, self.profile))
            hint = f" (it has {others})" if others else ""
            return (
                f"profile {self.profile!r} in {self.config} has no {' and no '.join(lacking)}{hint}, and nothing else"
                f" is asked for it: correct it, or run `callmark login --profile {self.profile}`"
            )
        missing = "missing: " + ", ".join(f"{name}= ({_VARIABLES[name]})" for name in lacking)
        if not self.values:
            return f"{missing}. Run `callmark login`, set the variables, or pass them"
        these = ", ".join(_VARIABLES[name] for name in self.values)
        are = "are" if len(self.values) > 1 else "is"
        return f"{missing}. {these} {are} set, so no profile is asked: set the others too, pass them, or name a profile"


def found_options(
    given: Mapping[str, str | None], variables: Mapping[str, str], config: Path | None, profile: str | None
) -> dict[str, str]:
    """Base URL, account id and key pair. Raises CallmarkError.

    What is given replaces single values. All others come from one source, so that no secret goes to the server of
    another (docs/decisions/0087-one-source-of-a-key.md): the profile that is named, or the variables if one that is
    needed is set, or the default profile. The file is read only if it is that source; `config` is None if there can be
    none.
    """
    found = SecretDict((name, value.strip()) for name in _VARIABLES if (value := given.get(name)) is not None)
    for name, value in [*found.items(), ("profile", profile)]:
        if value is not None and not value.strip():
            raise CallmarkError(f"{name} is empty: pass a value, or leave it out")
    source = _source([name for name in _VARIABLES if name not in found], variables, config, profile)
    found = SecretDict((name, found.get(name) or source.values.get(name, "").strip()) for name in _VARIABLES)
    if lacking := [name for name, value in found.items() if not value]:
        raise CallmarkError(source.why(lacking))
    found["api_key"] = SecretText(found["api_key"])
    return found


def _source(needed: list[str], variables: Mapping[str, str], config: Path | None, profile: str | None) -> _Source:
    """Where the values come from that are `needed`. Raises CallmarkError."""
    if config and profile is not None:
        if (kept := read_profile(config, profile)) is None:
            raise CallmarkError(
                f"there is no profile {profile!r} in {config}: run `callmark login --profile {profile}`"
            )
        return _Source(SecretDict(structs.asdict(kept)), config, profile)
    named = SecretDict((name, value) for name in needed if (value := variables.get(_VARIABLES[name], "").strip()))
    if not named and needed and config and (kept := read_profile(config, DEFAULT)):
        return _Source(SecretDict(structs.asdict(kept)), config, DEFAULT)
    return _Source(named)
