"""The caller: SIPp dials once through a proxy and says how it was answered."""

from pathlib import Path

from msgspec import Struct, field

from callmark.kit.errors import SetupError
from callmark.kit.ids import new_id
from callmark.kit.ports import LOOPBACK, free_port
from callmark.processes.sip_lab.programs import last_lines, started

_WITHIN_S = 40
_TRIES = 3
_PORT_TAKEN = "Address already in use"
_MEDIA_PORTS = 4
_REFUSALS = (403, 404, 408, 480, 483, 486, 500, 503, 603)
ANSWERED = 200
_STATUS, _FAULTS = "status.log", "faults.log"
_TIMER = "1"
"""SIPp measures the time from the INVITE to its answer, where it is asked for that."""

_HEAD = """\
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch={branch}
From: [display] <[address]>;tag=[pid]t[call_number]
To: <sip:+[service]@[remote_ip]:[remote_port];user=phone>{tag}
Call-ID: [call_id]
CSeq: {number} {method}
Max-Forwards: 70"""
_FIRST = "z9hG4bK-[pid]-[call_number]"
_SESSION = """\
v=0
o=caller 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
"""


class Dialling(Struct, frozen=True, kw_only=True):
    """A call to make."""

    caller: str
    callee: str
    proxy_port: int
    display: str = ""
    """The name that the caller claims."""
    address: str | None = None
    """Its URI in `From`; None: its number here."""
    headers: tuple[str, ...] = ()
    """More lines of the INVITE."""
    call_id: str = field(default_factory=lambda: str(new_id()))
    talk_s: float = 0.3
    """How long an answered call lasts."""
    gives_up_after_s: float | None = None
    """With a time, the caller hangs up before the call is answered: that long after it rings (`rings`) or was begun."""
    rings: bool = True


async def dial(dialling: Dialling, folder: Path) -> int:
    """The SIP status that the call ended with: 200 when it was answered. Raises SetupError when SIPp failed.

    SIPp begins again with other ports when a program has taken one of its own before it could.
    """
    faults = ""
    for _ in range(_TRIES):
        (folder / _STATUS).unlink(missing_ok=True)
        (folder / _FAULTS).write_text("")
        async with started("sipp", sipp_options(dialling, folder), folder) as child:
            failed = await child.wait()
        if not failed:
            return int((folder / _STATUS).read_text().split()[-1])
        faults = last_lines(folder, "faults")
        if _PORT_TAKEN not in faults:
            break
    raise SetupError(f"the call could not be made{faults}")


def sipp_options(dialling: Dialling, folder: Path, *, calls: int = 1) -> list[str | Path]:
    """How SIPp makes this call, or many; what it is to do stands in a file that this writes into `folder`."""
    scenario = folder / "call.xml"
    scenario.write_text(_scenario(dialling))
    waits_s = dialling.talk_s if dialling.gives_up_after_s is None else dialling.gives_up_after_s
    lines = "".join(f"\r\n{line}" for line in dialling.headers)
    options = ["-sf", scenario, "-m", str(calls), "-nostdin", "-timeout", str(_WITHIN_S), "-timeout_error"]
    options += ["-default_behaviors", "all,-abortunexp"]  # a proxy's processes may pass 200 on before 180
    options += ["-i", LOOPBACK, "-ci", LOOPBACK, "-cp", str(free_port()), "-p", str(free_port())]
    options += ["-mp", str(free_port(_MEDIA_PORTS)), "-d", str(round(waits_s * 1000))]
    options += ["-trace_logs", "-log_file", folder / _STATUS, "-trace_err", "-error_file", folder / _FAULTS]
    options += ["-cid_str", dialling.call_id, "-s", dialling.callee]
    address = dialling.address or f"sip:+{dialling.caller}@{LOOPBACK};user=phone"
    for name, value in {"address": address, "display": dialling.display, "headers": lines}.items():
        options += ["-key", name, value]
    return [*options, f"{LOOPBACK}:{dialling.proxy_port}"]


def _scenario(dialling: Dialling) -> str:
    steps = _answered() if dialling.gives_up_after_s is None else _given_up(rings=dialling.rings)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="call">\n{steps}</scenario>\n'


def _invite(attributes: str = "") -> str:
    head = _HEAD.format(branch=_FIRST, tag="", number=1, method="INVITE")
    contact = "Contact: <sip:caller@[local_ip]:[local_port]>\nContent-Type: application/sdp\nContent-Length: [len]"
    lines = f"{head}[headers]\n{contact}"
    return _send("INVITE sip:+[service]@[remote_ip]:[remote_port];user=phone", lines, _SESSION, attributes)


def _answered() -> str:
    """It rings; it is refused, or answered and then ended by the caller."""
    refusals = "".join(_final(code, 'optional="true" next="refused"') for code in _REFUSALS)
    talk = _in_call("ACK", 1) + "<pause/>\n" + _in_call("BYE", 2) + '<recv response="200" next="over"/>\n'
    end = '<label id="refused"/>\n' + _acknowledge() + '<label id="over"/>\n'
    return (
        _invite(f' start_rtd="{_TIMER}"')
        + _PROVISIONAL
        + refusals
        + _final(ANSWERED, f'rrs="true" rtd="{_TIMER}"')
        + talk
        + end
    )


def _given_up(*, rings: bool) -> str:
    """The caller cancels. What answers the CANCEL may come after what answers the INVITE."""
    ringing = (
        '<recv response="100" optional="true"/>\n<recv response="180"/>\n' if rings else '<recv response="100"/>\n'
    )
    head = _HEAD.format(branch=_FIRST, tag="", number=1, method="CANCEL") + "\nContent-Length: 0"
    cancel = _send("CANCEL sip:+[service]@[remote_ip]:[remote_port];user=phone", head)
    end = '<recv response="200" optional="true"/>\n' + _final(487) + _acknowledge()
    return _invite() + ringing + "<pause/>\n" + cancel + end


_PROVISIONAL = '<recv response="100" optional="true"/>\n<recv response="180" optional="true"/>\n'


def _final(code: int, how: str = "") -> str:
    log = f'<action><log message="{code}"/></action>'
    return f'<recv response="{code}" {how}>{log}</recv>\n'


def _acknowledge() -> str:
    """Of a refusal: part of the INVITE's transaction."""
    head = _HEAD.format(branch=_FIRST, tag="[peer_tag_param]", number=1, method="ACK") + "\nContent-Length: 0"
    return _send("ACK sip:+[service]@[remote_ip]:[remote_port];user=phone", head)


def _in_call(method: str, number: int) -> str:
    head = _HEAD.format(branch="[branch]", tag="[peer_tag_param]", number=number, method=method)
    return _send(f"{method} [next_url]", f"{head}\n[routes]\nContent-Length: 0")


def _send(request: str, headers: str, body: str = "", attributes: str = "") -> str:
    again = "" if request.startswith("ACK") else ' retrans="500"'
    return f"<send{again}{attributes}><![CDATA[\n{request} SIP/2.0\n{headers}\n\n{body}]]></send>\n"
