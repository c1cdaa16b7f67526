"""A courier's program: tells receivers why the driver calls, and notes who wants to be called back."""

from datetime import timedelta

import callmark

DRIVERS = "918040001234"
"""The number that all drivers call from."""
SHOWS_FOR = timedelta(hours=4)


def announce(client: callmark.Client, label_id: str, receiver: str, order: int) -> bool:
    """Makes the driver's call show the order; False if the receiver has to be sent a text message instead."""
    pushed = client.push(
        caller=DRIVERS,
        receiver=receiver,
        label_id=label_id,
        reason=f"Your order {order} arrives today",
        expires_in=SHOWS_FOR,
    )
    return pushed.status == "success"


def wanted_callbacks(events: list[callmark.Event]) -> list[str]:
    """The numbers to call back, in the order of the events; each once, also if an event came again."""
    numbers: dict[str, str] = {}
    for event in events:
        match event:
            case callmark.CallMeBackEvent(is_interested=True, callable_number=str(number)):
                numbers.setdefault(event.event_id, number)
            case _:
                continue
    return list(dict.fromkeys(numbers.values()))
