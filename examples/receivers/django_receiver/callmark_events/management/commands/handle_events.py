"""`python manage.py handle_events`: what takes time, apart from the receiver."""

# Only Django's plugin for mypy knows the types of fields.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false

import logging

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from callmark_events.models import ReceivedEvent

log = logging.getLogger(__name__)


class Command(BaseCommand):
    """Handles the events that wait; start it from a timer."""

    help = "Handle the events that wait."

    def handle(self, **_options: object) -> None:
        """Each in turn; one whose handling fails is tried again on the next run, and holds up no other."""
        failed = 0
        for event in ReceivedEvent.objects.filter(handled_at=None).order_by("received_at"):
            try:
                # Your CRM. If it can, pass event_id on: after a crash here the event is handled again.
                self.stdout.write(self.line(event))
                event.handled_at = timezone.now()
                event.save(update_fields=["handled_at"])
            except Exception:
                failed += 1
                log.exception("%s was not handled", event)
        if failed:
            raise CommandError(f"events that could not be handled: {failed}")

    def line(self, event: ReceivedEvent) -> str:
        """What somebody should do about the event."""
        if event.event_type != "cmb":
            return f"{event.event_type} from {event.number}"
        wants = event.body["cmb_payload"]["is_interested"]
        return f"call {event.number} back" if wants else f"do not call {event.number} back"
