"""From key to ringing handset against a running `callmark demo`, with nothing but httpx.

callmark demo --credentials demo.json
python examples/push_and_ring.py demo.json
"""

import json
import sys
from datetime import datetime
from pathlib import Path

import httpx

CALLER, RECEIVER = "918040001234", "919900000003"


def main(credentials_file: str) -> None:
    """Authenticates, pushes one identity in real time, rings the receiver, prints what its handset shows."""
    credentials = json.loads(Path(credentials_file).read_text())
    account = credentials["accounts"][0]
    with httpx.Client(base_url=credentials["base_url"], trust_env=False, timeout=10) as http:
        pair = {"key_id": account["key_id"], "api_key": account["api_key"]}
        path = f"/clients/{account['client_account_id']}"
        token = _good(http.post(f"{path}/token", json=pair, headers={"X-Public-Access": "allow"}))["token"]

        # Windows are judged by the product clock, which the emulator may have moved.
        now = datetime.fromisoformat(_good(http.get("/emulator/v1/clock"))["now"])
        starts_at = int(now.timestamp() * 1000)
        record = {
            "caller_number": CALLER,
            "receiver_number": RECEIVER,
            "label_id": account["labels"]["dynamic"][0]["id"],
            "dynamic_call_reason": "Your parcel arrives today",
            "starts_at": starts_at,
            "ends_at": starts_at + 3_600_000,
        }
        bearer = {"Authorization": f"Bearer {token}"}
        print(_good(http.post(f"/v2{path}/dynamic_call_record", json=record, headers=bearer)))

        call = {"caller": CALLER, "receiver": RECEIVER, "outcome": "answered"}
        shown = _good(http.post("/emulator/v1/calls", json=call))
        print(f"{CALLER} calls {RECEIVER}: {shown['name']} - {shown['call_reason']}")


def _good(answer: httpx.Response) -> dict[str, str]:
    answer.raise_for_status()
    return answer.json()


if __name__ == "__main__":
    main(sys.argv[1])
