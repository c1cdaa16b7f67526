"""Who an operator is."""

from dataclasses import dataclass
from datetime import datetime

from callmark.domain.ids import OperatorId


@dataclass(frozen=True)
class Operator:
    """A person who runs the installation."""

    id: OperatorId
    email: str
    name: str
    created_at: datetime
