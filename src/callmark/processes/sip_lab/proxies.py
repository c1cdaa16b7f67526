"""The two Kamailio proxies, with the files of `deploy/sip/` and settings of their own."""

import asyncio
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from msgspec import Struct

from callmark.kit.errors import SetupError
from callmark.kit.ports import LOOPBACK
from callmark.processes.sip_lab.programs import started, until_ready

_TEMPLATES = Path(__file__).parent / "templates"
_ANSWER_WITHIN_S = 0.2
_SHARED_MB, _PRIVATE_MB = 64, 8
_OPTIONS = """\
OPTIONS sip:{host}:{port} SIP/2.0
Via: SIP/2.0/UDP {host};rport;branch=z9hG4bKready
From: <sip:lab@{host}>;tag=ready
To: <sip:{host}:{port}>
Call-ID: ready
CSeq: 1 OPTIONS
Max-Forwards: 1
Content-Length: 0

"""


class ProxySettings(Struct, frozen=True, kw_only=True):
    """What `local.cfg` says."""

    port: int
    next_port: int
    stir_url: str
    token: str
    ring_s: float = 30
    ask_s: int = 1
    """How long a call waits for the platform; half of it for its turn to ask."""
    reports_outcomes: bool = False
    """Of the originating proxy: the terminating one always does."""
    alive_s: int = 60
    """How often the ends of an answered call are asked whether it lasts: at least 30, or 0 for never."""
    longest_s: int = 14_400
    """After how long an answered call is reported in any case."""

    def __str__(self) -> str:
        """As Kamailio reads it. Raises SetupError for an address that cannot be part of it."""
        if not {'"', "!", "\\", "\n"}.isdisjoint(self.stir_url):
            raise SetupError(f"the proxies cannot be set up with the address {self.stir_url!r}")
        return (
            f"listen=udp:{LOOPBACK}:{self.port}\n"
            "disable_tcp=yes\n"
            f'#!substdef "!NEXT_HOP!sip:{LOOPBACK}:{self.next_port}!g"\n'
            f'#!substdef "!STIR_URL!{self.stir_url}!g"\n'
            f'#!substdef "!STIR_TOKEN!{self.token}!g"\n'
            f'#!substdef "!CALLERS!{LOOPBACK}!g"\n'
            f"#!define RING_MS {round(self.ring_s * 1000)}\n"
            f"#!define ASK_S {self.ask_s}\n"
            f"#!define TURN_MS {self.ask_s * 500}\n"
            f"#!define ALIVE_S {self.alive_s}\n"
            f"#!define LONGEST_S {self.longest_s}\n"
            f"{'#!define REPORT_OUTCOMES' if self.reports_outcomes else ''}\n"
        )


@asynccontextmanager
async def proxy(kind: str, folder: Path, settings: ProxySettings) -> AsyncGenerator[None]:
    """`originating` or `terminating`, answering, as long as the block. Raises SetupError."""
    _write_files(folder, settings)
    options = ["-DD", "-E", "-f", folder / f"{kind}.cfg", "-Y", folder, "-m", str(_SHARED_MB), "-M", str(_PRIVATE_MB)]
    async with started("kamailio", options, folder) as child:
        await until_ready(child, folder, lambda: _answers(settings.port))
        yield


def _write_files(folder: Path, settings: ProxySettings) -> None:
    folder.mkdir(mode=0o700)
    for template in _TEMPLATES.iterdir():
        shutil.copyfile(template, folder / template.name)
    (folder / "local.cfg").write_text(str(settings))


class _FirstReply(asyncio.DatagramProtocol):
    """Sets `came` when the first response of SIP arrives."""

    def __init__(self) -> None:
        self.came = asyncio.Event()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # noqa: ARG002 - asyncio's signature
        if data.startswith(b"SIP/2.0 "):  # not our own question: the system may give us the port that we ask
            self.came.set()


async def _answers(port: int) -> bool:
    """Whether a SIP server answers there."""
    loop = asyncio.get_running_loop()
    transport, answer = await loop.create_datagram_endpoint(_FirstReply, remote_addr=(LOOPBACK, port))
    try:
        transport.sendto(_OPTIONS.format(host=LOOPBACK, port=port).replace("\n", "\r\n").encode())
        with suppress(TimeoutError):
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                await answer.came.wait()
        return answer.came.is_set()
    finally:
        transport.close()
