"""Names of domains in ASCII, as browsers spell them (UTS 46, IDNA 2008).

Python's own codec knows IDNA 2003 alone. It takes `straße` for `strasse`, which is the domain of someone else.
"""

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
    try:
        own = idna.decode(domain) if "xn--" in domain.lower() and len(domain) <= LONGEST else domain
    except ValueError:
        own = domain
    return list(dict.fromkeys([in_ascii, f"{local}{at}{own}", address]))
