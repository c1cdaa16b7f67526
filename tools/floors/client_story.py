"""The client library alone: a webhook is verified, a server that does not answer is named, and a file is checked."""

import base64
import hashlib
import hmac
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import callmark

_BODY = b'{"client_account_id": "1", "event_data": {"event_id": "e1", "event_type": "test"}}'
_RECORDS = "phone,call_reason\n919812345678,Your order arrives today\n"


def main() -> None:
    """Raises where a step fails."""
    client = callmark.Client(base_url="http://127.0.0.1:9", account_id="1", key_id="k", api_key="s", max_retries=0)
    with client, suppress(callmark.APIConnectionError):
        list(client.labels.list())
        raise AssertionError("nobody listens there")
    key, sent_at = b"0123456789abcdef01234567", str(int(time.time()))
    signature = hmac.digest(key, b".".join((b"m1", sent_at.encode(), _BODY)), hashlib.sha256)
    headers = {
        "webhook-id": "m1",
        "webhook-timestamp": sent_at,
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
    }
    callmark.webhooks.unwrap(_BODY, headers, secret=f"whsec_{base64.b64encode(key).decode()}")
    with tempfile.TemporaryDirectory() as folder:
        (file := Path(folder) / "records.csv").write_text(_RECORDS)
        options = (
            "--label-id",
            "0198c3b2-1111-7000-8000-000000000001",
            "--caller",
            "918040001234",
            "--expires-in",
            "2h",
        )
        subprocess.run([Path(sys.executable).with_name("callmark"), "lint", file, *options], check=True)


if __name__ == "__main__":
    main()
