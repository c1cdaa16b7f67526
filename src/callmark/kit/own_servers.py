"""How httpx asks the servers of this installation."""

import ssl


def httpx_verify(*urls: str) -> ssl.SSLContext | bool:
    """The `verify` of httpx for servers at `urls`: no certificates where all are asked without TLS.

    It would read all those of this machine, which takes longer than to connect. With none, every server by TLS would be
    refused.
    """
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if all(map(_is_plain, urls)) else True


def _is_plain(url: str) -> bool:
    return url.startswith("http://")
