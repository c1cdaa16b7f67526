"""An export about a person, as read from its file."""

from typing import Any

import msgspec
from tests.domain.persons.erased_numbers import NUMBER
from tests.support.factories import ALICE

from callmark.domain.deps import Deps
from callmark.domain.persons import exporting


async def exported(deps: Deps) -> dict[str, Any]:
    made = await exporting.export_person(deps, NUMBER, by=ALICE)
    return msgspec.json.decode(b"".join([part async for part in exporting.as_json(made, "now")]))
