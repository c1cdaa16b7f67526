"""Why there is no NATS is told once for each reason, however often it is tried."""

from structlog.testing import capture_logs

from callmark.kit.fabric.trouble import Trouble


def test_a_loss_and_its_reason_are_told_once_until_there_is_a_connection_again() -> None:
    trouble = Trouble()
    with capture_logs() as told:
        for _ in range(3):
            trouble.lost()
            trouble.note(ValueError("malformed greeting"))
        assert "malformed greeting" in trouble.text
        trouble.is_over("nats:4222")
        trouble.is_over("nats:4222")
        trouble.lost()
    assert [line["event"] for line in told] == ["nats_lost", "nats_not_reached", "nats_back", "nats_lost"]


def test_a_cut_says_less_than_the_reason_before_it() -> None:
    trouble = Trouble()
    trouble.note(ValueError("the server is full"))
    trouble.note(ConnectionResetError())
    assert "the server is full" in trouble.text
