"""nats-py's client, which signs with our own code."""

from pathlib import Path
from typing import Any

from nats.aio.client import Client

from callmark.kit.fabric.user_key import UserKey


class SigningClient(Client):
    """Signs by `UserKey`, which needs no package beside those that are there, with the file as it is then.

    nats-py imports a package for it, and keeps the name of the first key: with a new one in the file, the server would
    refuse each connection until the process is started again.
    """

    def _setup_nkeys_connect(self) -> None:
        inner: Any = self
        path = Path(vars(self)["_user_credentials"])

        def sign(nonce: str) -> bytes:
            user = UserKey.read(path)
            inner._public_nkey = user.public  # what nats-py sends beside the signature
            inner._user_jwt_cb = user.token.encode if user.token else None  # sent instead of the key
            return user.sign(nonce)

        inner._signature_cb = sign  # nats-py takes one from its caller only beside a password
