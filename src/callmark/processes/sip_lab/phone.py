"""The phone: baresip, driven by its control port; what it was sent stands in its trace of SIP messages."""

import asyncio
import contextlib
import re
import wave
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from callmark.kit.ports import LOOPBACK, free_port
from callmark.kit.tasks import end
from callmark.passport import CallInfo, read_call_info
from callmark.processes.sip_lab.programs import started, until_ready

_SAMPLES_PER_S, _SILENCE_S = 8000, 20
_PORTS, _FIRST_RTP = 12, 4
"""Its SIP port, the next one for TLS, its control port, and from the fifth on those for speech."""
_CONFIG = """\
poll_method epoll
sip_listen {host}:{sip}
net_interface {host}
audio_source aufile,{folder}/silence.wav
audio_player aufile,{folder}/heard.wav
rtp_ports {rtp}-{last_rtp}
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
module_tmp uuid.so
ctrl_tcp_listen {host}:{control}
"""
_INVITE = re.compile(r"^INVITE sip:.*?(?=\r?\n\r?\n)", re.MULTILINE | re.DOTALL)
_VERSTAT = re.compile(r";verstat=([A-Za-z-]+)")
_RINGS, _ENDS = "CALL_INCOMING", "CALL_CLOSED"


class RingingCall(Struct, frozen=True):
    """A call as the phone got it: its id, the name on the screen, and the header lines of its INVITE."""

    id: str
    name: str | None
    headers: tuple[tuple[str, str], ...]

    @property
    def verstat(self) -> str | None:
        """What the terminating proxy says of the caller's number."""
        found = _VERSTAT.search("".join(self._all("P-Asserted-Identity")))
        return found[1] if found else None

    @property
    def call_info(self) -> list[CallInfo]:
        """The values of its Call-Info, as a phone reads them; those that cannot be read are left out."""
        with contextlib.suppress(ValueError):
            return [one for line in self._all("Call-Info") for one in read_call_info(line)]
        return []

    def _all(self, name: str) -> list[str]:
        return [value for found, value in self.headers if found.lower() == name.lower()]


class Phone:
    """A started phone. It does nothing of its own accord; one call at a time."""

    def __init__(self, port: int, log: Path, writer: asyncio.StreamWriter) -> None:
        self.port = port
        self._log = log
        self._writer = writer
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def listen(self, reader: asyncio.StreamReader) -> None:
        """Takes in what the phone says on its control port: JSON in netstrings. Without end."""
        while True:
            length = await reader.readuntil(b":")
            text = await reader.readexactly(int(length[:-1]) + 1)
            self._events.put_nowait(msgspec.json.decode(text[:-1]))

    async def rings(self) -> RingingCall:
        """The next call that rings."""
        event = await self._next(_RINGS)
        return RingingCall(event["id"], event.get("peerdisplayname"), self._headers(event["id"]))

    async def answer(self) -> None:
        """Takes the call."""
        await self._order("accept")

    async def decline(self) -> None:
        """Refuses the call; the caller gets 486."""
        await self._order("hangup")

    async def ended(self) -> None:
        """Returns when the call is over."""
        await self._next(_ENDS)

    async def _next(self, kind: str) -> dict[str, Any]:
        while (event := await self._events.get()).get("type") != kind:
            pass
        return event

    async def _order(self, command: str) -> None:
        text = msgspec.json.encode({"command": command})
        self._writer.write(b"%d:%b," % (len(text), text))
        await self._writer.drain()

    def _headers(self, call_id: str) -> tuple[tuple[str, str], ...]:
        """Of the last INVITE with this id: the phone writes a trace of it before it rings."""
        trace = self._log.read_text(errors="replace")
        for invite in reversed(_INVITE.findall(trace)):
            lines = [line.partition(":") for line in invite.splitlines()[1:]]
            headers = tuple((name.strip(), value.strip()) for name, _, value in lines)
            if ("Call-ID", call_id) in headers:
                return headers
        return ()


@asynccontextmanager
async def phone(number: str, folder: Path) -> AsyncGenerator[Phone]:
    """A phone with that number as long as the block. Raises SetupError."""
    sip = free_port(_PORTS)
    control = sip + 2
    _write_files(folder, number, sip, control)
    async with started("baresip", ["-s", "-f", folder], folder) as child:
        streams: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

        async def reached() -> bool:
            with contextlib.suppress(OSError):
                streams.append(await asyncio.open_connection(LOOPBACK, control))
            return bool(streams)

        await until_ready(child, folder, reached)
        ((reader, writer),) = streams
        made = Phone(sip, folder / "baresip.log", writer)
        listening = asyncio.create_task(made.listen(reader))
        try:
            yield made
        finally:
            await end([listening])
            writer.close()


def _write_files(folder: Path, number: str, sip: int, control: int) -> None:
    folder.mkdir(mode=0o700)
    last, first = sip + _PORTS - 1, sip + _FIRST_RTP
    text = _CONFIG.format(host=LOOPBACK, folder=folder, sip=sip, control=control, rtp=first, last_rtp=last)
    (folder / "config").write_text(text)
    (folder / "accounts").write_text(f"<sip:+{number}@{LOOPBACK}:{sip}>;regint=0;answermode=manual\n")
    _write_silence(folder / "silence.wav")


def _write_silence(file: Path) -> None:
    """What it says. A phone that comes to the end of its file hangs up."""
    with wave.open(str(file), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(_SAMPLES_PER_S)
        sound.writeframes(bytes(2 * _SAMPLES_PER_S * _SILENCE_S))
