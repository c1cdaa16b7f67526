"""The sender of mails, as a person writes it in the settings."""

from email.errors import MessageError
from email.headerregistry import Address
from email.utils import parseaddr

from callmark.kit.domain_names import with_ascii_domain

_HOW = (
    "write it as Callmark <no-reply@example.com>, without quotes around the whole; a name with a comma, a colon or"
    ' brackets needs quotes of its own, as in "Acme, Inc." <no-reply@example.com>'
)


def sender_of(text: str) -> Address:
    """The sender, its domain in ASCII. Raises ValueError for what no mail can come from."""
    name, address = parseaddr(text)
    is_whole = text.rstrip().endswith(f"<{address}>") or (address in text and "<" not in text)
    if "@" not in address or not is_whole:
        raise ValueError(_HOW)
    try:
        return Address(name, addr_spec=with_ascii_domain(address))
    except (MessageError, ValueError, IndexError) as exc:  # the last is how the library takes an empty part
        raise ValueError(f"{address} is not an email address ({exc}); {_HOW}") from exc
