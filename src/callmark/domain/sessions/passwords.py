"""Passwords: what may be one, and how one is kept (argon2id, in a thread, because it takes its time on purpose)."""

import asyncio
import os
import unicodedata

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from callmark.kit.errors import InvalidInput

SHORTEST, LONGEST = 12, 256
_LONGEST_SENT = 4 * (LONGEST + 1)
"""What is longer as it was sent is too long in every spelling: NFKC makes one character of four at most.

It is cut first, because putting combining marks in order takes the square of their number.
"""
_MEMORY_KIB, _ITERATIONS, _LANES = 19_456, 2, 1
"""Source: OWASP, Password Storage Cheat Sheet, argon2id."""
_SALT_BYTES, _HASH_BYTES = 16, 32

_BANNED = (
    "password",
    "passwort",
    "qwerty",
    "asdfgh",
    "letmein",
    "welcome",
    "iloveyou",
    "administrator",
    "changeme",
    "callmark",
    "1234567890",
    "abcdefgh",
    "11111111",
    "00000000",
)
"""What people begin or end easily guessed passwords with; one that is little else is refused."""
_LITTLE_ELSE = 4


def check_password(password: str, *about: str) -> str:
    """The password as it is hashed. Raises InvalidInput when it is too short, too long or easily guessed.

    `about`: the person's address and name, which may not be most of it.
    """
    text = _in_one_spelling(password)
    if len(text) < SHORTEST:
        raise InvalidInput(f"password must be at least {SHORTEST} characters", field="password")
    if len(text) > LONGEST:
        raise InvalidInput(f"password must be at most {LONGEST} characters", field="password")
    lowered = text.casefold()
    parts = [part.casefold() for word in about for part in (word, word.partition("@")[0])]
    guessed = any(len(word) > _LITTLE_ELSE and _mostly(lowered, word) for word in (*_BANNED, *parts))
    if guessed or len(set(lowered)) <= _LITTLE_ELSE:
        raise InvalidInput("password is too easy to guess: try a few unrelated words", field="password")
    return text


def _mostly(password: str, word: str) -> bool:
    """Whether little is left of the password without the word."""
    return word in password and len(password.replace(word, "")) <= _LITTLE_ELSE


async def hash_password(password: str) -> str:
    """What is stored of a password that `check_password` gave."""
    return await asyncio.to_thread(_hash, password)


async def is_password(password: str, stored: str | None) -> bool:
    """Whether `stored` was made of the password; takes the same time when there is nothing stored."""
    return await asyncio.to_thread(_verify, _in_one_spelling(password), stored)


def _in_one_spelling(password: str) -> str:
    """The password as every system's keyboard would send it; of one that is too long, the first `LONGEST` + 1."""
    return unicodedata.normalize("NFKC", password[:_LONGEST_SENT])[: LONGEST + 1]


def _hash(password: str) -> str:
    kdf = Argon2id(
        salt=os.urandom(_SALT_BYTES),
        length=_HASH_BYTES,
        iterations=_ITERATIONS,
        lanes=_LANES,
        memory_cost=_MEMORY_KIB,
    )
    return kdf.derive_phc_encoded(password.encode())


def _verify(password: str, stored: str | None) -> bool:
    if stored is None:
        _hash(password)
        return False
    try:
        Argon2id.verify_phc_encoded(password.encode(), stored)
    except InvalidKey:
        return False
    return True
