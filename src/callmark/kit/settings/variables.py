"""The variables of the environment that settings are read from."""

PREFIX = "CALLMARK_"
OF_CLIENTS = frozenset(
    f"{PREFIX}{name}"
    for name in ("BASE_URL", "ACCOUNT_ID", "KEY_ID", "API_KEY", "EMULATOR_URL", "EMULATOR_CREDENTIALS")
)
"""What the client library and the test plugin read; a shell that has them can run the platform too."""


def variable_of(setting: str) -> str:
    """The variable of a setting, whose name is that of its field."""
    return f"{PREFIX}{setting.upper()}"
