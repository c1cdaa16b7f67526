"""A connection that goes nowhere: what a protocol writes is kept, so that a target can read it."""

import asyncio


class Wire(asyncio.Transport):
    """A transport in memory, closed as soon as the protocol says so."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 40_000), "sockname": ("192.0.2.2", 80)})
        self.written = bytearray()
        self.closing = False
        self._protocol: asyncio.BaseProtocol | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.closing:
            self.written += data

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = True

    def write_eof(self) -> None:
        """Nothing more of what comes counts."""
        self.closing = True

    def get_write_buffer_size(self) -> int:
        """All is written at once."""
        return 0

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        """Pieces are fed by the target, which asks for nothing."""

    def resume_reading(self) -> None:
        """As above."""

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self._protocol
        return self._protocol


class Turns:
    """An event loop for as many runs as a target needs; a new one for each costs more than what it does."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()

    def rest(self, turns: int = 12) -> None:
        """Lets tasks that are under way go on until they wait for something outside."""

        async def some() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)

        self.loop.run_until_complete(some())

    def end(self) -> None:
        """Ends what is left of a run."""
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.rest(4)
