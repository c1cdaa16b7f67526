"""The settings that say for how long each kind of thing is kept (docs/data-protection.md)."""

from typing import Annotated

import msgspec
from msgspec import Meta

_AS_RECORDS = " 0: as long as call records."

LEAST_EVENT_DAYS = 7
"""All retries of a webhook take 3 days, 6 hours and 38 minutes, and twice that if its receiver asks for pauses."""


class RetentionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Days to keep things; part of `Settings`, and last in its lists."""

    retention_days: Annotated[
        int, Meta(ge=2, le=3650, description="Days to keep call records after their window has ended.")
    ] = 30
    call_retention_days: Annotated[
        int, Meta(ge=0, le=3650, description=f"Days to keep calls that handsets reported.{_AS_RECORDS}")
    ] = 0
    callback_retention_days: Annotated[
        int,
        Meta(
            ge=0,
            le=3650,
            description=f"Days to keep Call Me Back requests (after the time chosen for the call).{_AS_RECORDS}",
        ),
    ] = 0
    answer_retention_days: Annotated[
        int,
        Meta(ge=0, le=3650, description="Days to keep answers to campaigns. 0: until their campaign is deleted."),
    ] = 0
    signed_call_retention_days: Annotated[
        int,
        Meta(ge=0, le=3650, description=f"Days to keep signed calls, verified calls and spoof alarms.{_AS_RECORDS}"),
    ] = 0
    event_retention_days: Annotated[
        int,
        Meta(
            ge=LEAST_EVENT_DAYS,
            le=30,
            description="Days to keep events, deliveries and attempts; 7 is what the retries of a webhook can take."
            " Businesses are promised 30; with fewer, a log download of older days is empty.",
        ),
    ] = 30
    mail_retention_days: Annotated[
        int, Meta(ge=5, le=3650, description="Days to keep emails after they were made.")
    ] = 30
    audit_retention_days: Annotated[
        int, Meta(ge=0, le=3650, description="Days to keep entries of the audit log. 0: without an end.")
    ] = 0

    @property
    def call_days(self) -> int:
        """Days to keep calls."""
        return self.call_retention_days or self.retention_days

    @property
    def callback_days(self) -> int:
        """Days to keep Call Me Back requests."""
        return self.callback_retention_days or self.retention_days

    @property
    def signed_call_days(self) -> int:
        """Days to keep signed and verified calls, and spoof alarms."""
        return self.signed_call_retention_days or self.retention_days
