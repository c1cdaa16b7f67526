"""The targets by name: each takes bytes and raises for what must not happen. A name is also a folder of the corpus."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from fuzz.targets.addresses import fuzz_addresses
from fuzz.targets.answers import fuzz_answers
from fuzz.targets.certificates import fuzz_certificates
from fuzz.targets.forms import fuzz_forms
from fuzz.targets.frames import fuzz_frames
from fuzz.targets.heads import fuzz_heads
from fuzz.targets.json_bodies import fuzz_json_bodies
from fuzz.targets.lists import fuzz_lists
from fuzz.targets.nats_stream import fuzz_nats_stream
from fuzz.targets.passports import fuzz_passports
from fuzz.targets.phones import fuzz_phones
from fuzz.targets.pictures import fuzz_pictures
from fuzz.targets.workbooks import fuzz_workbooks

TARGETS: Mapping[str, Callable[[bytes], None]] = MappingProxyType(
    {
        "addresses": fuzz_addresses,
        "answers": fuzz_answers,
        "certificates": fuzz_certificates,
        "forms": fuzz_forms,
        "frames": fuzz_frames,
        "heads": fuzz_heads,
        "json_bodies": fuzz_json_bodies,
        "lists": fuzz_lists,
        "nats_stream": fuzz_nats_stream,
        "passports": fuzz_passports,
        "phones": fuzz_phones,
        "pictures": fuzz_pictures,
        "workbooks": fuzz_workbooks,
    }
)
