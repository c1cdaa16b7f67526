"""What a gateway process counts."""

from callmark.kit.metrics import Tally, counter, gauge

CONNECTED = gauge("callmark_handsets_connected", "Handset streams open in this process.")
FRAMES_IN = counter("callmark_handset_frames_received_total", "Frames from handsets, by type.", ["type"])
FRAMES_OUT = counter("callmark_handset_frames_sent_total", "Frames to handsets, by type.", ["type"])
ENDED = counter("callmark_handset_streams_ended_total", "Handset streams that ended, by close code.", ["code"])

IDENTITIES_OUT = Tally(FRAMES_OUT.labels("identity"))
ACKS_IN = Tally(FRAMES_IN.labels("ack"))
WITHDRAWALS_OUT = FRAMES_OUT.labels("withdraw")


def count_in(frame_type: object) -> None:
    """Notes a frame from a handset."""
    FRAMES_IN.labels(frame_type).inc()


def count_out(frame_type: str) -> None:
    """Notes a frame to a handset that we made ourselves."""
    FRAMES_OUT.labels(frame_type).inc()
