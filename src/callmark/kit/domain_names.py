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
