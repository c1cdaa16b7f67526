"""Handsets as the platform knows them: one live registration per phone number, and whether a push can reach it."""

import re
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache

import msgspec
from msgspec import Struct

from callmark.domain.ids import HandsetAppId
from callmark.kit.errors import InvalidInput
from callmark.kit.ids import SecretForm
from callmark.kit.phone import PhoneNumber
from callmark.kit.text import clean_line

CREDENTIAL_FORM = SecretForm("cmapp_", 48)
TOKEN_FORM = SecretForm("cmhs_", 48)
LONGEST_NAME = 100
FORGOTTEN_FOR = timedelta(days=30)
"""How long a registration is kept after it has ended, with when the handset connected last and was woken."""

MOST_PARTS, MOST_DIGITS, LONGEST_SUFFIX = 4, 6, 32
"""An app version: up to four dotted integers of up to six digits, then whatever its developers add."""
_VERSION = re.compile(
    rf"(\d{{1,{MOST_DIGITS}}}(?:\.\d{{1,{MOST_DIGITS}}}){{0,{MOST_PARTS - 1}}})"
    rf"(?:[-+ _(][!-~ ]{{0,{LONGEST_SUFFIX}}})?\Z",
    re.ASCII,
)


class OS(StrEnum):
    """What a handset runs. Pushed call records show on Android only."""

    ANDROID = "android"
    IOS = "ios"


class Reach(StrEnum):
    """Whether a receiver's handset can show a pushed identity (contract, section 10.2)."""

    REACHABLE = "reachable"
    NOT_REGISTERED = "not_registered"
    OS_NOT_SUPPORTED = "os_not_supported"
    APP_VERSION_NOT_SUPPORTED = "app_version_not_supported"


class Registration(Struct, frozen=True):
    """A phone number's live registration. A higher generation means a newer device or app version.

    `registered_at` tells it from one of the same generation that was erased before it.
    """

    phone_number: PhoneNumber
    generation: int
    os: OS
    app_version: str
    registered_at: datetime


class PushService(StrEnum):
    """Through what an app is woken."""

    FCM = "fcm"


class PushToken(Struct, frozen=True):
    """How a sleeping app is woken: its token at that service."""

    service: PushService
    token: str


class LiveRegistration(Struct, frozen=True):
    """A live registration as operators see it: with the app that made it, and since when."""

    phone_number: PhoneNumber
    os: OS
    app_version: str
    app_name: str
    registered_at: datetime


class HandsetFilter(Struct, frozen=True):
    """Which registrations to list; empty parts do not filter. `number` and `app_version` are how theirs begin."""

    number: str = ""
    os: OS | None = None
    app_version: str = ""
    app_id: HandsetAppId | None = None


class HandsetApp(Struct, frozen=True):
    """An app that may register handsets; its credential is shown once, when it is made."""

    id: HandsetAppId
    name: str
    created_at: datetime
    revoked_at: datetime | None


class Takeover(msgspec.Struct, frozen=True, omit_defaults=True):
    """What every gateway hears when streams of a phone number must end.

    With `stream`: that stream took over within its generation. With `forgotten`: the generation itself has ended.
    Otherwise the generation is new, and lower ones have ended.
    """

    phone_number: str
    generation: int
    stream: str = ""
    forgotten: bool = False


TAKEOVER = "takeover"
"""The fabric's topic for `Takeover` messages."""

COUNT = "handsets.count"
"""The fabric's topic that makes every gateway answer how many handsets it holds streams of, in ASCII digits."""

RECHECK = "handsets.recheck"
"""The fabric's topic that makes every gateway ask which of its registrations still live."""


@lru_cache(maxsize=1024)
def parse_version(text: str) -> tuple[int, ...]:
    """Dotted integers as a tuple that compares by age; zeros at the end do not count (`1.0` is `1.0.0`).

    What follows them does not count either: `4.2.0-beta1` and `4.2.0 (1234)` are 4.2.0, as Android's version names go.
    Raises InvalidInput.
    """
    found = _VERSION.match(text)
    if found is None:
        raise InvalidInput("app_version is invalid", field="app_version")
    numbers = [int(part) for part in found[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def reach_of(os: str, app_version: str, min_app_version: str) -> Reach:
    """Whether a registered handset of this make can show a pushed identity; the OS is judged before the version."""
    if os != OS.ANDROID:
        return Reach.OS_NOT_SUPPORTED
    if parse_version(app_version) < parse_version(min_app_version):
        return Reach.APP_VERSION_NOT_SUPPORTED
    return Reach.REACHABLE


def can_show(registration: Registration, min_app_version: str) -> bool:
    """Whether this handset can show pushed identities."""
    return reach_of(registration.os, registration.app_version, min_app_version) is Reach.REACHABLE


def app_name(text: str) -> str:
    """The name without outer spaces. Raises InvalidInput when it has no or over 100 characters."""
    return clean_line(text, "name", longest=LONGEST_NAME)
