"""The menus: what is where in the left panel. An entry shows when role and plan allow it."""

from collections.abc import Collection

from msgspec import Struct

from callmark.domain.policy.model import Action
from callmark.surfaces.console.request import ConsoleRequest


class Item(Struct, frozen=True):
    """An entry; `path` below `/console`."""

    label: str
    icon: str
    path: str
    action: Action
    beside: str = ""
    """Another path whose pages belong to the entry."""
    group: str = ""
    """The group of its section that it belongs to; entries of one group stand together."""

    @property
    def url(self) -> str:
        """Where it leads."""
        return f"/console{self.path}"


class Section(Struct, frozen=True):
    """Entries under one heading; the first has none."""

    title: str
    items: tuple[Item, ...]


BUSINESS = (
    Section("", (Item("Home", "home", "", Action.HOME),)),
    Section(
        "Business identity",
        (
            Item("Caller ID Details", "id-badge-2", "/labels", Action.LABELS_VIEW, group="Identity"),
            Item("Call reasons", "message-2", "/call-reasons", Action.CALL_REASONS_VIEW, group="Identity"),
        ),
    ),
    Section(
        "Numbers",
        (
            Item("Structure", "sitemap", "/structure", Action.STRUCTURE_VIEW),
            Item("Feature sets", "stack-2", "/feature-sets", Action.FEATURE_SETS_VIEW),
            Item("Phone numbers", "phone", "/numbers", Action.NUMBERS_VIEW),
            Item("Signed calls", "certificate", "/signed-calls", Action.SIGNED_CALLS_VIEW),
        ),
    ),
    Section(
        "Call Personalisation",
        (
            Item("Batches", "packages", "/batches", Action.RECORDS_VIEW, beside="/uploads"),
            Item("Call records", "list-details", "/records", Action.RECORDS_VIEW),
            Item("Push", "send", "/push", Action.RECORDS_PUSH),
            Item("What shows now?", "eye-search", "/resolve", Action.RECORDS_VIEW),
        ),
    ),
    Section(
        "Answers",
        (
            Item("Call Me Back", "phone-incoming", "/callbacks", Action.CALLBACKS_VIEW),
            Item("User Feedback", "stars", "/campaigns", Action.FEEDBACK_VIEW),
        ),
    ),
    Section(
        "Developers",
        (
            Item("API keys", "key", "/keys", Action.KEYS_VIEW),
            Item("Webhooks", "webhook", "/webhooks", Action.WEBHOOKS_VIEW),
            Item("Webhook events", "list-details", "/webhook-events", Action.WEBHOOKS_VIEW),
            Item("API reference", "api", "/reference", Action.REFERENCE),
        ),
    ),
)
"""The left panel of a business. Business identity, Identity, Caller ID Details: contract, section 12.2."""
BOTTOM = (Item("Members", "users", "/members", Action.MEMBERS_VIEW),)
OVERFLOW = (
    Item("First steps", "circle-check", "/first-steps", Action.KEYS_MANAGE),
    Item("Manage API Keys", "key", "/keys", Action.KEYS_VIEW),
    Item("Manage Webhooks", "webhook", "/webhooks", Action.WEBHOOKS_VIEW),
    Item("Webhook events", "list-details", "/webhook-events", Action.WEBHOOKS_VIEW),
    Item("Usage and limits", "gauge", "/usage", Action.USAGE_VIEW),
    Item("Audit log", "history", "/audit", Action.AUDIT_VIEW),
    Item("Alerts", "bell", "/alerts", Action.ALERTS_MANAGE),
    Item("Account settings", "settings", "/settings", Action.ACCOUNT_MANAGE),
)
"""The menu beside the account's name. Source: contract, sections 3.2 and 9.1."""
OPERATOR = (
    Section(
        "",
        (
            Item("Accounts", "building", "/operator/accounts", Action.OPERATE),
            Item("Listing reviews", "clipboard-check", "/operator/reviews", Action.OPERATE),
            Item("Proof reviews", "certificate", "/operator/proofs", Action.OPERATE),
            Item("Handset apps", "device-mobile-code", "/operator/handset-apps", Action.OPERATE),
            Item("Registered handsets", "device-mobile", "/operator/handsets", Action.OPERATE),
            Item("Edges", "server", "/operator/edges", Action.OPERATE),
            Item("Certificates", "certificate", "/operator/certificates", Action.OPERATE),
            Item("Queues", "stack", "/operator/queues", Action.OPERATE),
            Item("Health", "heartbeat", "/operator/health", Action.OPERATE),
            Item("Operators", "user-shield", "/operator/operators", Action.OPERATE),
            Item("Operator tokens", "key", "/operator/tokens", Action.OPERATE),
            Item("Personal data", "user-circle", "/operator/persons", Action.OPERATE),
            Item("Audit log", "history", "/operator/audit", Action.OPERATE),
        ),
    ),
)


class Menu(Struct, frozen=True):
    """What one visitor sees; `here` is the path of the entry that the page belongs to, None where none does."""

    sections: tuple[Section, ...]
    bottom: tuple[Item, ...]
    overflow: tuple[Item, ...]
    here: str | None = None

    @property
    def is_in_overflow(self) -> bool:
        """Whether only the menu beside the account's name leads to the page."""
        panel = {item.path for section in self.sections for item in section.items}
        return self.here is not None and self.here not in panel and self.here in {i.path for i in self.overflow}


def menu_of(request: ConsoleRequest) -> Menu:
    """The menu of someone who is signed in, on the page that is asked for."""
    in_account = request.in_account

    def shown(items: tuple[Item, ...]) -> tuple[Item, ...]:
        return tuple(i for i in items if not in_account or request.offers(i.action))

    sections = tuple(Section(s.title, shown(s.items)) for s in (BUSINESS if in_account else OPERATOR))
    kept = tuple(section for section in sections if section.items)
    bottom, overflow = (shown(BOTTOM), shown(OVERFLOW)) if in_account else ((), ())
    entries = [*(item for section in kept for item in section.items), *bottom, *overflow]
    return Menu(kept, bottom, overflow, _here(entries, request.path.removeprefix("/console").rstrip("/")))


def _here(items: Collection[Item], path: str) -> str | None:
    """The entry whose pages a path belongs to: the one with the longest path that it begins with."""
    owned = [(item.path, item.path) for item in items] + [(item.beside, item.path) for item in items if item.beside]
    return max((one for one in owned if _begins(path, one[0])), default=("", None))[1]


def _begins(path: str, own: str) -> bool:
    return path == own or (bool(own) and path.startswith(f"{own}/"))
