"""A client's options: from its arguments, a profile that they name, the environment, the default profile."""

import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

import httpx

from callmark.client.addresses import host_fault
from callmark.client.errors import CallmarkError
from callmark.client.profiles import DEFAULT, Profile, read_profile
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


def found_options(
    given: Mapping[str, str | None], variables: Mapping[str, str], config: Path | None, profile: str | None
) -> dict[str, str]:
    """Base URL, account id and key pair. Raises CallmarkError.

    What is given comes first, then a profile that is named, then the variables; if none is named, the default profile
    comes last, and the file is read only if something is still missing. `config` is None if there can be no file.
    """
    kept = _named(config, profile) if config and profile else Profile()
    found = SecretDict(
        (name, _first(given.get(name), getattr(kept, name), variables.get(variable)))
        for name, variable in _VARIABLES.items()
    )
    if config and not profile and not all(found.values()):
        kept = read_profile(config, DEFAULT) or Profile()
        found = SecretDict((name, _first(value, getattr(kept, name))) for name, value in found.items())
    missing = [name for name, value in found.items() if not value]
    if missing:
        ways = ", ".join(f"{name}= ({_VARIABLES[name]})" for name in missing)
        raise CallmarkError(f"missing: {ways}. Run `callmark login`, set the variables, or pass them")
    found["api_key"] = SecretText(found["api_key"])
    return found


def _first(*values: str | None) -> str:
    """The first that says something, without the blanks and line breaks around it that files and copying leave."""
    return next(filter(None, (value.strip() for value in values if value)), "")


def _named(config: Path, profile: str) -> Profile:
    kept = read_profile(config, profile)
    if kept is None:
        raise CallmarkError(f"there is no profile {profile!r} in {config}: run `callmark login --profile {profile}`")
    return kept
