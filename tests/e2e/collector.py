"""An OpenTelemetry collector that keeps what it is sent, in a thread of the tests."""

from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class _Taking(BaseHTTPRequestHandler):
    taken: list[bytes]

    def do_POST(self) -> None:
        """Takes spans; texts in them stand as they are between the other bytes."""
        self.taken.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def collector() -> Generator[tuple[str, list[bytes]]]:
    """Its address, and what it has been sent so far."""
    taken: list[bytes] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Taking", (_Taking,), {"taken": taken}))
    serving = Thread(target=server.serve_forever)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", taken
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
