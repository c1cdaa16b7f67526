"""The way from key to ringing handset as shell lines that work when pasted."""

import shlex
from pathlib import Path

CREDENTIALS_JSON = "demo-credentials.json"
CREDENTIALS_ENV = "demo-credentials.env"
"""In the demo's data directory, both 0600: all credentials, and the first account's as shell variables."""

CALLER, RECEIVER = "918040001234", "919900000001"


def curl_walk(env_file: Path) -> str:
    """Token, real-time push, ring; reads the demo's credentials from `env_file`. Windows follow the product clock."""
    return f"""\
. {shlex.quote(str(env_file))}
TOKEN=$(curl -s $BASE_URL/clients/$ACCOUNT_ID/token \\
  --json "{{\\"key_id\\":\\"$KEY_ID\\",\\"api_key\\":\\"$API_KEY\\"}}" | cut -d'"' -f4)
NOW=$(date -d "$(curl -s $BASE_URL/emulator/v1/clock | cut -d'"' -f4)" +%s)
curl -sw '\\n' $BASE_URL/v2/clients/$ACCOUNT_ID/dynamic_call_record -H "Authorization: Bearer $TOKEN" --json "{{
  \\"caller_number\\":\\"{CALLER}\\", \\"receiver_number\\":\\"{RECEIVER}\\",
  \\"label_id\\":\\"$LABEL_ID\\", \\"dynamic_call_reason\\":\\"Your parcel arrives today\\",
  \\"starts_at\\":${{NOW}}000, \\"ends_at\\":$((NOW + 3600))000 }}"
curl -sw '\\n' $BASE_URL/emulator/v1/calls \\
  --json '{{"caller":"{CALLER}","receiver":"{RECEIVER}","outcome":"answered"}}' | cut -d, -f1-6
"""
