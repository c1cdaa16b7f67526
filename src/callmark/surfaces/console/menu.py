"""The menus: what is where in the left panel. An entry shows when its page exists and the role may open it."""

from collections.abc import Collection
from dataclasses import dataclass

from callmark.domain.access.model import Action, Actor, allows


@dataclass(frozen=True)
class Item:
    """An entry; `path` below `/console`."""

    label: str
    icon: str
    path: str
    action: Action
    beside: str = ""
    """Another path whose pages belong to the entry."""

    @property
    def url(self) -> str:
        """Where it leads."""
        return f"/console{self.path}"


@dataclass(frozen=True)
class Section:
    """Entries under one heading; the first has none."""

    title: str
    items: tuple[Item, ...]


BUSINESS = (
    Section("", (Item("Home", "home", "", Action.HOME),)),
    Section(
        "Business identity",
        (
            Item("Caller IDs", "id-badge-2", "/labels", Action.LABELS_VIEW),
            Item("Call reasons", "message-2", "/call-reasons", Action.REASONS_VIEW),
        ),
    ),
    Section(
        "Numbers",
        (
            Item("Structure", "sitemap", "/structure", Action.STRUCTURE_VIEW),
            Item("Feature sets", "stack-2", "/feature-sets", Action.FEATURE_SETS_VIEW),
            Item("Phone numbers", "phone", "/numbers", Action.NUMBERS_VIEW),
        ),
    ),
    Section(
        "Call personalisation",
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
)
BOTTOM = (
    Item("Members", "users", "/members", Action.MEMBERS_VIEW),
    Item("API reference", "api", "/reference", Action.REFERENCE),
)
OVERFLOW = (
    Item("Manage API Keys", "key", "/keys", Action.KEYS_VIEW),
    Item("Manage Webhooks", "webhook", "/webhooks", Action.WEBHOOKS_VIEW),
    Item("Webhook events", "list-details", "/webhook-events", Action.WEBHOOKS_VIEW),
    Item("Usage and limits", "gauge", "/usage", Action.USAGE_VIEW),
    Item("Audit log", "history", "/audit", Action.AUDIT_VIEW),
    Item("Account settings", "settings", "/settings", Action.ACCOUNT_MANAGE),
)
"""The menu beside the account's name. Source: contract, sections 3.2 and 9.1."""
OPERATOR = (
    Section(
        "",
        (
            Item("Accounts", "building", "/operator/accounts", Action.OPERATE),
            Item("Listing reviews", "clipboard-check", "/operator/reviews", Action.OPERATE),
            Item("Handset apps", "device-mobile-code", "/operator/handset-apps", Action.OPERATE),
            Item("Connected handsets", "device-mobile", "/operator/handsets", Action.OPERATE),
            Item("Queues", "stack", "/operator/queues", Action.OPERATE),
            Item("Health", "heartbeat", "/operator/health", Action.OPERATE),
            Item("Operators", "user-shield", "/operator/operators", Action.OPERATE),
            Item("Audit log", "history", "/operator/audit", Action.OPERATE),
        ),
    ),
)


@dataclass(frozen=True)
class Menu:
    """What one visitor sees."""

    sections: tuple[Section, ...]
    bottom: tuple[Item, ...]
    overflow: tuple[Item, ...]


def menu_of(actor: Actor | None, paths: Collection[str]) -> Menu:
    """The menu of an actor (None: an operator at work), of the pages there are."""

    def shown(items: tuple[Item, ...]) -> tuple[Item, ...]:
        return tuple(i for i in items if i.path in paths and (actor is None or allows(actor.role, i.action)))

    sections = tuple(Section(s.title, shown(s.items)) for s in (OPERATOR if actor is None else BUSINESS))
    kept = tuple(section for section in sections if section.items)
    return Menu(kept, shown(BOTTOM), shown(OVERFLOW)) if actor else Menu(kept, (), ())
