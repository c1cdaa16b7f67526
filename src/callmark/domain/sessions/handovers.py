"""What one page hands to the next for a short time: a new secret that is shown once, a form that waits for a sign-in.

The address of the next page holds a token. Only the token opens what is stored, so that neither the database nor a
copy of it tells a secret. Whatever is taken is deleted: of several tabs or processes that ask at once, one gets it.
"""

import hashlib
import os
from datetime import timedelta

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from callmark.domain.deps import Deps
from callmark.domain.sessions import handover_queries as queries
from callmark.domain.sessions.model import TOKEN_LENGTH, Person, Session
from callmark.kit.ids import random_text, sha256

SECRET_LIFETIME = timedelta(minutes=10)
FORM_LIFETIME = timedelta(minutes=30)
_NONCE_BYTES = 12


async def hand_to_session(deps: Deps, session: Session, kind: str, content: bytes) -> str:
    """A token that gives the content to this session, once, for 10 minutes."""
    token = random_text(TOKEN_LENGTH)
    expires_at = deps.clock.now() + SECRET_LIFETIME
    async with deps.db.connection() as tx:
        await queries.insert_handover(tx, sha256(token), kind, session.id, Person(), _seal(token, content), expires_at)
    return token


async def hand_to_person(deps: Deps, person: Person, kind: str, content: bytes) -> str:
    """A token that gives the content once, for 30 minutes, to this person; to anyone who has it, if nobody is named.

    Raises NotFound for a person who does not exist: a browser's cookie or an old page may name anybody.
    """
    token = random_text(TOKEN_LENGTH)
    expires_at = deps.clock.now() + FORM_LIFETIME
    async with deps.db.connection() as tx:
        await queries.insert_handover(tx, sha256(token), kind, None, person, _seal(token, content), expires_at)
    return token


async def take(deps: Deps, session: Session, kind: str, token: str) -> bytes | None:
    """The content, which is deleted; None when it was taken before, came too late or is not for this session."""
    if len(token) != TOKEN_LENGTH:
        return None
    async with deps.db.connection() as tx:
        sealed = await queries.take_handover(tx, sha256(token), kind, session.id, session.person, deps.clock.now())
    return _open(token, sealed) if sealed else None


async def look(deps: Deps, session: Session, kind: str, token: str) -> bytes | None:
    """As `take`, but the content stays until its time is over."""
    if len(token) != TOKEN_LENGTH:
        return None
    async with deps.db.connection() as tx:
        sealed = await queries.select_handover(tx, sha256(token), kind, session.id, session.person, deps.clock.now())
    return _open(token, sealed) if sealed else None


async def look_at_anothers(deps: Deps, session: Session, kind: str, token: str) -> bytes | None:
    """The content that waits for a person other than this session's, for a caller that says of it only that it does."""
    if len(token) != TOKEN_LENGTH:
        return None
    async with deps.db.connection() as tx:
        sealed = await queries.select_of_another(tx, sha256(token), kind, session.person, deps.clock.now())
    return _open(token, sealed) if sealed else None


def _seal(token: str, content: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(_key(token)).encrypt(nonce, content, None)


def _open(token: str, sealed: bytes) -> bytes:
    return AESGCM(_key(token)).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)


def _key(token: str) -> bytes:
    """A key for each token; its row is found by another hash, which does not give the key away."""
    return hashlib.sha256(f"callmark handover {token}".encode()).digest()
