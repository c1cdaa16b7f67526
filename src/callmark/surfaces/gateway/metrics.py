"""What a gateway process counts."""

from prometheus_client import Counter, Gauge

CONNECTED = Gauge("callmark_handsets_connected", "Handset streams open in this process.")
FRAMES_IN = Counter("callmark_handset_frames_received", "Frames from handsets, by type.", ["type"])
FRAMES_OUT = Counter("callmark_handset_frames_sent", "Frames to handsets, by type.", ["type"])
ENDED = Counter("callmark_handset_streams_ended", "Handset streams that ended, by close code.", ["code"])

IDENTITIES_OUT = FRAMES_OUT.labels("identity")
ACKS_IN = FRAMES_IN.labels("ack")
WITHDRAWALS_OUT = FRAMES_OUT.labels("withdraw")


def count_in(frame_type: object) -> None:
    """Notes a frame from a handset."""
    FRAMES_IN.labels(frame_type).inc()


def count_out(frame_type: str) -> None:
    """Notes a frame to a handset that we made ourselves."""
    FRAMES_OUT.labels(frame_type).inc()
