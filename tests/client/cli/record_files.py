"""Files of records as commands read them."""

from pathlib import Path

from tests.client.conftest import ONLINE

LABEL = "5c1b9f0e-7d1a-4a55-9a0e-0f6d8c2b4e10"
HEAD = "caller,phone,label_id,name,reason,starts_at,ends_at,expires_in\n"
GOOD = f"918040001234,919900000001,{LABEL},Acme Parcels,Your parcel arrives today,,,2h\n"


def orders(path: Path, count: int) -> Path:
    """A file with that many receivers; the first is online, the others are nobody."""
    lines = [f"{int(ONLINE) + 1000 * number},Your parcel {number} arrives today" for number in range(count)]
    path.write_text("\n".join(["phone,reason", *lines]) + "\n")
    return path
