"""How browsers save files of CSV."""

import unicodedata
from urllib.parse import quote

_LONGEST_OWNER = 50
"""In a file's name, of which systems take 255 bytes."""


def headers_of(name: str, owner: str) -> dict[str, str]:
    """What makes browsers save a file as `name-owner.csv`, with letters and digits of whatever script in `owner`."""
    plain = "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in owner)[:_LONGEST_OWNER]
    full = "-".join([name, *plain.split()]) + ".csv"
    if full.isascii():
        return {"Content-Disposition": f'attachment; filename="{full}"'}
    return {"Content-Disposition": f"attachment; filename=\"{name}.csv\"; filename*=UTF-8''{quote(full)}"}
