"""The links of downloads: signed, self-contained, for one purpose; nothing is stored for them."""

import contextlib
import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from itsdangerous import BadSignature, Signer

from callmark.domain.events.model import EventType
from callmark.domain.ids import AccountId, CampaignId
from callmark.domain.log_downloads.model import FileFormat, LogFile
from callmark.instants import EPOCH, from_ms, to_ms
from callmark.kit.errors import NotFound
from callmark.kit.secret_key import derive
from callmark.kit.settings import Secret

PURPOSE = "download links"
_MICROSECOND = timedelta(microseconds=1)


class _Claims(msgspec.Struct, array_like=True):
    """What a link says."""

    account_id: UUID
    event_type: EventType
    campaign_id: UUID | None
    since_us: int
    before_us: int
    file_format: FileFormat
    expires_ms: int


_decoder = msgspec.msgpack.Decoder(_Claims)


def signed(key: Secret, file: LogFile, expires_at: datetime) -> str:
    """The token of a link: letters, digits, `-`, `_` and `.`."""
    claims = _Claims(
        file.account_id,
        file.event_type,
        file.campaign_id,
        _to_us(file.since),
        _to_us(file.before),
        file.file_format,
        to_ms(expires_at),
    )
    return _signer(key).sign(urlsafe_b64encode(msgspec.msgpack.encode(claims)).rstrip(b"=")).decode()


def opened(keys: Sequence[Secret], token: str) -> tuple[LogFile, datetime]:
    """What a token signed with one of `keys` stands for, and when it ends. Raises NotFound for any other."""
    try:
        text = _unsigned(keys, token.encode())
        claims = _decoder.decode(urlsafe_b64decode(text + b"=" * (-len(text) % 4)))
    except (BadSignature, NotBase64, msgspec.DecodeError, UnicodeEncodeError) as exc:
        raise NotFound("this download does not exist") from exc
    file = LogFile(
        AccountId(claims.account_id),
        claims.event_type,
        CampaignId(claims.campaign_id) if claims.campaign_id else None,
        _from_us(claims.since_us),
        _from_us(claims.before_us),
        claims.file_format,
    )
    return file, from_ms(claims.expires_ms)


def _unsigned(keys: Sequence[Secret], token: bytes) -> bytes:
    for key in keys:
        with contextlib.suppress(BadSignature):
            return _signer(key).unsign(token)
    raise BadSignature("signed with no key of ours")


def _signer(key: Secret) -> Signer:
    return Signer(derive(key, PURPOSE), salt=PURPOSE.encode(), digest_method=hashlib.sha256)


def _to_us(instant: datetime) -> int:
    return (instant - EPOCH) // _MICROSECOND


def _from_us(microseconds: int) -> datetime:
    return EPOCH + microseconds * _MICROSECOND
