"""Names of domains in ASCII, as browsers spell them (UTS 46, IDNA 2008).

Python's own codec knows IDNA 2003 alone. It takes `straße` for `strasse`, which is the domain of someone else.
"""

from unicodedata import normalize

import idna

LONGEST = 253


def ascii_domain(text: str) -> str:
    """The name in lower case, letters other than ASCII as `xn--…`. Raises ValueError for what cannot be written so.

    A name in ASCII is not checked.
    """
    if text.isascii():
        return text.lower()
    if len(text) > LONGEST:
        raise ValueError("longer than a domain name")
    return idna.encode(text, uts46=True).decode()


def with_ascii_domain(address: str) -> str:
    """An email address with its domain so; as it is where that cannot be."""
    local, at, domain = address.rpartition("@")
    try:
        return f"{local}{at}{ascii_domain(domain)}" if at and not domain.isascii() else address
    except ValueError:
        return address


def spellings(address: str) -> list[str]:
    """An email address with its domain in ASCII, then in its own letters, then as it is; each once."""
    in_ascii = with_ascii_domain(address)
    local, at, domain = in_ascii.rpartition("@")
    return list(dict.fromkeys([in_ascii, *(f"{local}{at}{own}" for own in _in_own_letters(domain)), address]))


def _in_own_letters(domain: str) -> list[str]:
    """A domain in ASCII as people write it; none where its letters are ASCII.

    Of capitals, a database may know those of ASCII alone. So `MÜLLER` is a spelling, and so is an accent as a
    character of its own. `STRASSE` is none of `straße`: it is another domain.
    """
    if "xn--" not in domain.lower() or len(domain) > LONGEST:
        return []
    try:
        own = idna.decode(domain)
        written = [own, own.upper(), own.title(), normalize("NFD", own)]
        return [one for one in written if ascii_domain(one) == domain.lower()]
    except ValueError:
        return []
