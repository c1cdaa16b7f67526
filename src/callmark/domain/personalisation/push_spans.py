"""A span for each push of a traced request, from its publication to the handset's answer."""

from collections.abc import Sequence

from callmark.domain.personalisation.model import OpenRecord
from callmark.kit.fabric.fanout import Answer
from callmark.kit.phone import shorten
from callmark.kit.telemetry import tracing
from callmark.kit.telemetry.tracing import SpanKind, TracedSpan


class PushSpans:
    """The spans of one fan-out; none where nothing is traced."""

    def __init__(self, records: Sequence[OpenRecord]) -> None:
        self._spans: list[TracedSpan] = []
        if parent := tracing.current():
            self._spans = [_begun(parent, record) for record in records]

    def traceparent(self, position: int) -> str | None:
        """What goes with the push to the gateway and the handset."""
        return self._spans[position].traceparent if self._spans else None

    def answered(self, group: Sequence[tuple[int, Answer]]) -> None:
        """Ends the spans of the pushes that have their answer."""
        if self._spans:
            for position, answer in group:
                span = self._spans[position]
                span.note("callmark.answer", answer.name.lower())
                if answer is not Answer.ACKNOWLEDGED:
                    span.fail(answer.name.lower())
                span.end()


def _begun(parent: str, record: OpenRecord) -> TracedSpan:
    receiver, caller = shorten(record.key.receiver_number), shorten(record.caller_number)
    record_id = str(record.key.id)
    return tracing.begin("push", SpanKind.PRODUCER, parent=parent, record=record_id, receiver=receiver, caller=caller)
