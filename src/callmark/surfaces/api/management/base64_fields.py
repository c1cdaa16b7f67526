"""Files in JSON bodies, as base64."""

import base64
import binascii

from callmark.kit.errors import InvalidInput

_DATA_URL = "data:"
_NO_BREAKS = dict.fromkeys(map(ord, " \t\r\n"))


def read_base64(text: str, field: str) -> bytes:
    """The bytes. Lines may be broken, as `base64` and `openssl` write them. Raises InvalidInput."""
    if text.startswith(_DATA_URL):
        raise InvalidInput(f"{field} is not valid base64: leave out `data:` and all up to the comma", field=field)
    try:
        return base64.b64decode(text.translate(_NO_BREAKS), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise InvalidInput(f"{field} is not valid base64", field=field) from exc
