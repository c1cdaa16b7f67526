"""The variables of the environment that settings are read from."""

PREFIX = "CALLMARK_"
OF_CLIENTS = frozenset(
    f"{PREFIX}{name}"
    for name in (
        "BASE_URL",
        "ACCOUNT_ID",
        "KEY_ID",
        "API_KEY",
        "EMULATOR_URL",
        "EMULATOR_CREDENTIALS",
        "WEBHOOK_SECRET",
    )
)
"""What the client library, the test plugin and the example receivers read.

A shell that has them can run the platform too.
"""


def variable_of(setting: str) -> str:
    """The variable of a setting, whose name is that of its field."""
    return f"{PREFIX}{setting.upper()}"
