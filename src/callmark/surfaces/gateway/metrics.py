"""What a gateway process counts."""

from typing import get_args

from callmark.kit.telemetry.metrics import Tally, counter, gauge
from callmark.surfaces.gateway.wire import HandsetFrame

CONNECTED = gauge("callmark_handsets_connected", "Handset streams open in this process.")
FRAMES_IN = counter(
    "callmark_handset_frames_received_total",
    "Frames from handsets, by type.",
    ["type"],
    known=[*(frame.__struct_config__.tag for frame in get_args(HandsetFrame)), "unknown"],
)
FRAMES_OUT = counter(
    "callmark_handset_frames_sent_total",
    "Frames to handsets, by type.",
    ["type"],
    known=("identity", "withdraw", "synced", "resolved", "received"),
)
_CODES = frozenset({1000, 1001, 1005, 1006, 1009, 1011, 1012, 1013, 4400, 4401, 4409, 4410})
"""Those of the protocol. A handset may close with any of two thousand others."""
ENDED = counter(
    "callmark_handset_streams_ended_total",
    "Handset streams that ended, by close code; other for one that the protocol does not have.",
    ["code"],
    known=[*map(str, sorted(_CODES)), "other"],
)

IDENTITIES_OUT = Tally(FRAMES_OUT.labels("identity"))
ACKS_IN = Tally(FRAMES_IN.labels("ack"))
WITHDRAWALS_OUT = FRAMES_OUT.labels("withdraw")


def count_ended(code: int) -> None:
    """Notes the end of a stream with this close code."""
    ENDED.labels(code if code in _CODES else "other").inc()


def count_in(frame_type: object) -> None:
    """Notes a frame from a handset."""
    FRAMES_IN.labels(frame_type).inc()


def count_out(frame_type: str) -> None:
    """Notes a frame to a handset that we made ourselves."""
    FRAMES_OUT.labels(frame_type).inc()
