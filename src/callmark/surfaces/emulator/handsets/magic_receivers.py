"""The magic receivers: virtual handsets that are there from the start, each for one thing that can happen to a push."""

from msgspec import Struct

from callmark.domain.handsets.model import OS
from callmark.domain.personalisation.model import Outcome
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.emulator.handsets.model import Script, VirtualHandset

APP_VERSION = "4.2.0"
"""Of a virtual handset that says nothing else."""

OLD_APP_VERSION = "0.9.0"
"""Below `Settings.min_app_version`'s default."""


class Magic(Struct, frozen=True):
    """A magic receiver: the handset as it is seeded, what it does, and what pushes to it end as, in turn."""

    handset: VirtualHandset
    does: str
    ends_as: tuple[Outcome, ...]


def _magic(
    last: int,
    does: str,
    *ends_as: Outcome,
    os: OS = OS.ANDROID,
    app_version: str = APP_VERSION,
    online: bool = True,
    registered: bool = True,
    script: Script = Script(),
) -> Magic:
    handset = VirtualHandset(
        phone_number=PhoneNumber(f"9199000000{last:02d}"),
        os=os,
        app_version=app_version,
        online=online,
        registered=registered,
        script=script,
    )
    return Magic(handset, does, ends_as)


MAGIC = (
    *(_magic(last, "online Android, acknowledges at once", Outcome.SUCCESS) for last in range(1, 10)),
    _magic(11, "never registered", Outcome.NOT_REGISTERED, online=False, registered=False),
    _magic(12, "iOS", Outcome.OS_NOT_SUPPORTED, os=OS.IOS),
    _magic(
        13, f"app version {OLD_APP_VERSION}, too old", Outcome.APP_VERSION_NOT_SUPPORTED, app_version=OLD_APP_VERSION
    ),
    _magic(14, "registered, but offline", Outcome.FAILED_TO_PUSH, online=False),
    _magic(15, "acknowledges after 2 s", Outcome.SUCCESS, script=Script(ack_delay_s=2)),
    _magic(16, "drops every second push", Outcome.SUCCESS, Outcome.FAILED_TO_PUSH, script=Script(drop_every=2)),
    _magic(
        17,
        "requests a callback after each missed call",
        Outcome.SUCCESS,
        script=Script(call_me_back=True),
    ),
)

NEVER_REGISTERED = frozenset(one.handset.phone_number for one in MAGIC if not one.handset.registered)
"""Who may have no registration without having lost one."""
