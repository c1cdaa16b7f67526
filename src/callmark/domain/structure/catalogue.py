"""The catalogue of calling operations: what departments choose theirs from (contract, section 12.1).

Assumption: the list is ours; the published pages name none of its entries. An entry's id is permanent: rows and clients
keep it (`calling_operation_id` on the wire). A new entry gets a new id; a name may be reworded.
"""

from uuid import UUID

from msgspec import Struct

from callmark.domain.ids import CatalogueId
from callmark.kit.errors import InvalidInput
from callmark.record_rules.same_names import folded


class CatalogueEntry(Struct, frozen=True):
    """A calling operation that a department may have."""

    id: CatalogueId
    name: str
    description: str


def _entry(number: int, name: str, description: str) -> CatalogueEntry:
    return CatalogueEntry(CatalogueId(UUID(f"ca110000-0000-4000-8000-{number:012d}")), name, description)


CATALOGUE = (
    _entry(1, "Account opening", "Guides new customers through opening an account"),
    _entry(2, "Appointment reminders", "Reminds people of an appointment, or moves it"),
    _entry(3, "Bookings and reservations", "Confirms or changes a booking"),
    _entry(4, "Claims", "Follows an insurance or warranty claim"),
    _entry(5, "Collections", "Asks for payments that are overdue"),
    _entry(6, "Customer onboarding", "Welcomes new customers and explains the first steps"),
    _entry(7, "Customer support", "Answers questions and solves problems"),
    _entry(8, "Delivery", "Arranges the hand-over of parcels, food or goods"),
    _entry(9, "Donations and fundraising", "Asks supporters for a donation, or thanks them for one"),
    _entry(10, "Driver and rider coordination", "Connects drivers with those they pick up"),
    _entry(11, "Education and admissions", "Talks to students, parents and applicants"),
    _entry(12, "Emergency notifications", "Warns of danger or of a disruption of service"),
    _entry(13, "Feedback and surveys", "Asks how something was"),
    _entry(14, "Field service and installation", "Arranges the visit of a technician"),
    _entry(15, "Fraud alerts", "Checks a payment or a sign-in that looks wrong"),
    _entry(16, "Healthcare follow-up", "Talks to patients about treatment, tests and medicine"),
    _entry(17, "Identity verification", "Verifies a person's identity"),
    _entry(18, "Lead qualification", "Returns the call of people who asked for one"),
    _entry(19, "Loans and credit", "Handles applications for a loan or a card"),
    _entry(20, "Loyalty and retention", "Keeps customers who may leave"),
    _entry(21, "Order confirmation", "Confirms an order before it is carried out"),
    _entry(22, "Payments and billing", "Explains bills and helps to pay them"),
    _entry(23, "Recruitment", "Talks to candidates about a job"),
    _entry(24, "Renewals", "Reminds of a policy, contract or subscription that ends"),
    _entry(25, "Returns and refunds", "Arranges a return, or pays money back"),
    _entry(26, "Sales", "Offers products and services"),
)
"""All entries, by name."""

_BY_ID = {entry.id: entry for entry in CATALOGUE}
_BY_NAME = {folded(entry.name): entry for entry in CATALOGUE}


def catalogue_entry(catalogue_id: CatalogueId) -> CatalogueEntry:
    """The entry of that id. Raises InvalidInput."""
    entry = _BY_ID.get(catalogue_id)
    if entry is None:
        raise InvalidInput("no calling operation with this id is in the catalogue", field="calling_operation_id")
    return entry


def catalogue_entry_named(name: str) -> CatalogueEntry:
    """The entry of that name, in any spelling of case. Raises InvalidInput."""
    entry = _BY_NAME.get(folded(name))
    if entry is None:
        raise InvalidInput(f"no calling operation named {name!r} is in the catalogue", field="calling_operation_name")
    return entry


def operation_name(catalogue_id: CatalogueId) -> str:
    """The name of an operation that a department has; empty for an entry that this version does not know."""
    entry = _BY_ID.get(catalogue_id)
    return entry.name if entry else ""
