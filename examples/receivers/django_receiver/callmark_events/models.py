"""Events as they came."""

# Only Django's plugin for mypy knows the types of fields.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false

from django.db import models


class ReceivedEvent(models.Model):
    """An event, once however often it comes: its id is the primary key."""

    event_id = models.CharField(max_length=64, primary_key=True)
    event_type = models.CharField(max_length=64)
    number = models.CharField(max_length=32, blank=True)
    """Whom to call back, or who answered; empty if the phone did not say."""
    body = models.JSONField()
    received_at = models.DateTimeField(auto_now_add=True)
    handled_at = models.DateTimeField(null=True, blank=True, db_index=True)

    def __str__(self) -> str:
        return f"{self.event_type} {self.event_id}"
