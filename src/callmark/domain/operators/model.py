"""Who an operator is."""

from datetime import datetime

from msgspec import Struct

from callmark.domain.ids import OperatorId


class Operator(Struct, frozen=True):
    """A person who runs the installation."""

    id: OperatorId
    email: str
    name: str
    created_at: datetime
