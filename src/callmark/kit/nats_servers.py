"""NATS as the settings tell of it (servers, and the credentials file for them), and the versions of its servers."""

import re
from pathlib import Path

from callmark.kit.errors import SetupError


def seeds(urls: str) -> list[str]:
    """The servers of a setting: URLs separated by commas. Any one of them is enough; it names the others."""
    return [url.strip() for url in urls.split(",") if url.strip()]


def check_credentials(path: Path | None) -> None:
    """Raises SetupError when the file is not one that NATS makes for a user (`nsc generate creds`)."""
    if path is None:
        return
    try:
        text = path.expanduser().read_text()
    except (OSError, UnicodeDecodeError) as exc:
        why = getattr(exc, "strerror", None) or "it is no text"
        raise SetupError(f"CALLMARK_NATS_CREDENTIALS: cannot read {path}: {why}") from exc
    if "BEGIN NATS USER JWT" not in text or "BEGIN USER NKEY SEED" not in text:
        raise SetupError(
            f"CALLMARK_NATS_CREDENTIALS: {path} is not a NATS credentials file; it needs a user's JWT and its NKEY seed"
        )


def version_of(text: str) -> tuple[int, ...]:
    """The first three numbers of a version."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])
