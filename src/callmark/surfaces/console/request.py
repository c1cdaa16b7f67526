"""One request to the console: its session, what was sent, and where to go next."""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import cached_property
from typing import TypeVar
from urllib.parse import quote, urlencode, urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct, field
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmark.domain.accounts.model import AccountState
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.policy.model import OF_PLACE, Action, Actor, Path, may, offers
from callmark.domain.policy.plan import Feature
from callmark.domain.sessions.model import Origin, Session
from callmark.kit.choices import SetChange
from callmark.kit.errors import AppError, Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from callmark.kit.ids import parse_uuid
from callmark.kit.phone import PhoneNumber, parse_digits, without_exit_code
from callmark.kit.zones import presently_named, utc_zone
from callmark.surfaces.console import cookies, display_names
from callmark.surfaces.console.bodies import LargeFile
from callmark.tables.phones import plain_text

HOME = "/console"
UTC = utc_zone()
SHOWN = "shown"
"""The hidden field of what a page showed."""
Id = TypeVar("Id", bound=UUID)
Choice = TypeVar("Choice", bound=StrEnum)
_shown = msgspec.json.Decoder(dict[str, str | list[str]]).decode


class Gone(NotFound):
    """What a page of the visitor's own was about is used up: `message` says so, and `after` is the page that follows.

    Raised for every id that names nothing here, so that it says nothing about what others have.
    """

    def __init__(self, message: str, after: str, after_name: str) -> None:
        super().__init__(message)
        self.after, self.after_name = after, after_name


class Form(Struct):
    """What a form holds: its values as they were typed, and what is wrong with them, by field ("" is the whole)."""

    values: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    errors: dict[str, str] = field(default_factory=dict[str, str])
    shown: dict[str, str | list[str]] = field(default_factory=dict[str, str | list[str]])
    """What is stored, as the page shows it: empty for a form of something new."""

    @classmethod
    def of(cls, **values: str | list[str]) -> "Form":
        """A form that is filled in already."""
        return cls({name: [value] if isinstance(value, str) else value for name, value in values.items()})

    @classmethod
    def stored(cls, **values: str | list[str]) -> "Form":
        """A form that shows what is stored; every field is one that the page has."""
        return cls(cls.of(**values).values, shown=dict(values))

    @property
    def shown_text(self) -> str:
        """What the page showed, for the form to send back."""
        return msgspec.json.encode(self.shown).decode()

    def onto(self, stored: "Form") -> "Edit":
        """What its sender changes: the form with what is stored now wherever its sender left what the page had shown.

        Someone else may have changed that since the page was opened. Of several choices (a list), those count that the
        sender added or took away. A field that the page did not have is left as it is, and all fields are taken as they
        were sent of a form that says nothing of what its page showed.
        """
        values = dict(self.values)
        for name, now in stored.shown.items():
            shown = self.shown.get(name)
            if self.shown and shown is None and name not in self.values:
                values[name] = now if isinstance(now, list) else [now]
            elif isinstance(now, list) and isinstance(shown, list):
                sent, before = dict.fromkeys(self.all(name)), frozenset(shown)  # long ones, if the sender wants
                kept = [one for one in now if one in sent or one not in before]
                values[name] = [*kept, *(one for one in sent if one not in now and one not in before)]
            elif isinstance(now, str) and self.text(name) == shown:
                values[name] = [now]
        return Edit(Form(values, self.errors, stored.shown), stored.shown)

    def text(self, name: str) -> str:
        """A field's value, empty when it was not sent."""
        return self.values.get(name, [""])[0]

    def all(self, name: str) -> list[str]:
        """Every value of a field that may have several."""
        return self.values.get(name, [])

    def is_on(self, name: str) -> bool:
        """Whether a switch is on."""
        return bool(self.text(name))

    def new_password(self) -> str:
        """The password that was typed twice. Raises InvalidInput when the two differ."""
        if self.text("password") != self.text("again"):
            raise InvalidInput("the passwords do not match", field="again")
        return self.text("password")

    def refused(self, error: AppError) -> "Form":
        """The form with what the use case said beside the field it means."""
        name = error.field if isinstance(error, InvalidInput | Conflict) else ""
        said = error.for_people if isinstance(error, InvalidInput) else error.message
        message = said[:1].upper() + said[1:]
        return Form(self.values, {**self.errors, name: message}, self.shown)


class Edit(Struct):
    """What the sender of a form changes of something stored (`Form.onto`); None stands for each part that stays.

    What was read for the form may be another by the time that the use case has locked it. So the use case gets only
    what is different, and never what was read.
    """

    form: Form
    """All of it, to be checked and to be shown again."""
    stored: Mapping[str, str | list[str]]
    """What was read; empty where there is nothing yet, and every part is new."""

    def changes(self, name: str) -> bool:
        """Whether the field is to be different."""
        if not self.stored:
            return True
        had = self.stored[name]
        return (
            frozenset(self.form.all(name)) != frozenset(had) if isinstance(had, list) else self.form.text(name) != had
        )

    def text(self, name: str) -> str | None:
        """A field's new value."""
        return self.form.text(name) if self.changes(name) else None

    def switch(self, name: str) -> bool | None:
        """Whether a switch is on from now on."""
        return self.form.is_on(name) if self.changes(name) else None

    def choices(self, name: str, offered: Iterable[Choice]) -> SetChange[Choice] | None:
        """Which of those that are offered were added and taken away."""
        if not self.changes(name):
            return None
        had, wanted = frozenset(self.stored.get(name, ())), frozenset(self.form.all(name))
        every = [*offered]
        gained, lost = wanted - had, had - wanted
        return SetChange([one for one in every if one in gained], [one for one in every if one in lost])

    def refused(self, error: AppError) -> Form:
        """As `Form.refused`."""
        return self.form.refused(error)


class ConsoleRequest(Struct, dict=True):
    """One request. Handlers get it already admitted: session, CSRF token and the route's action are checked."""

    deps: Deps
    http: Request
    session: Session | None
    origin: Origin
    csrf_key: str
    sent: FormData | None = None
    new_cookies: list[cookies.Cookie] = field(default_factory=list[cookies.Cookie])

    @property
    def live_session(self) -> Session:
        """The session. Raises Unauthenticated where there is none, which no route but those for everyone lets in."""
        if self.session is None:
            raise Unauthenticated
        return self.session

    @cached_property
    def by(self) -> Actor:
        """Who acts, for use cases: a member, or an operator (for an account or none). Not without a session."""
        return self.live_session.actor(self.origin.address)

    @property
    def account_id(self) -> AccountId:
        """The account that the session acts for. Raises Forbidden where it acts for none, on no page of one."""
        account_id = self.live_session.account_id
        if account_id is None:
            raise Forbidden
        return account_id

    @property
    def in_account(self) -> bool:
        """Whether someone is signed in and acts for an account; an operator may act for none."""
        return self.session is not None and self.session.account_id is not None

    @property
    def is_suspended(self) -> bool:
        """Whether a member of a suspended account is signed in; operators may still act for it."""
        return bool(self.session and self.session.role and self.session.account_state is AccountState.SUSPENDED)

    @property
    def acting_for(self) -> AccountId | None:
        """The account that an operator acts for now. Members have one account alone, and act for none."""
        return self.session.account_id if self.session and self.session.role is None else None

    @property
    def viewer(self) -> cookies.Viewer:
        """Whom the answer is made for; nobody by name without a session."""
        session = self.session
        return cookies.Viewer(session.person, session.account_id) if session else cookies.Viewer()

    @property
    def features(self) -> list[Feature]:
        """What that account subscribes to, in the order of their declaration."""
        return [feature for feature in Feature if feature in self.live_session.features]

    @property
    def zone(self) -> ZoneInfo:
        """In which zone the visitor's pages show times; UTC when nobody is signed in."""
        return presently_named(self.session.zone) if self.session else UTC

    @property
    def form(self) -> Form:
        """The text fields that were sent."""
        values: dict[str, list[str]] = {}
        for name, value in self.sent.multi_items() if self.sent else ():
            if isinstance(value, str) and name != "csrf":
                values.setdefault(name, []).append(value)
        return Form(values, shown=_read_shown(*values.pop(SHOWN, [])))

    @property
    def sent_csrf(self) -> str:
        """The token of the page that asks: it came with the form, or with what a script asks for."""
        in_form = self.sent.get("csrf") if self.sent else ""
        return self.http.headers.get("x-csrf-token") or (in_form if isinstance(in_form, str) else "")

    def file(self, name: str, largest: int = 0, instead: str = "choose a smaller one") -> UploadFile | None:
        """A file that was sent, None when none was chosen. Raises InvalidInput for one over the page's limit.

        `largest` is that limit where it is the file's own, to be named; `instead` is what to do.
        """
        value = self.sent.get(name) if self.sent else None
        if isinstance(value, LargeFile):
            what = f"is larger than {display_names.size(largest)}" if largest else "is too large"
            raise InvalidInput(f"this file {what}: {instead}", field=name)
        return value if isinstance(value, UploadFile) and value.filename else None

    def id(self, kind: Callable[[UUID], Id], name: str = "id") -> Id:
        """An id of the path. Raises NotFound when it cannot be one."""
        parsed = parse_uuid(str(self.http.path_params[name]))
        if parsed is None:
            raise NotFound
        return kind(parsed)

    def phone_number(self) -> PhoneNumber:
        """The number of the path. Raises NotFound when it cannot be one."""
        parsed = parse_digits(str(self.http.path_params["number"]))
        if parsed is None:
            raise NotFound
        return parsed

    def query(self, name: str) -> str:
        """A query parameter, empty when it was not sent."""
        return self.http.query_params.get(name, "")

    @property
    def path(self) -> str:
        """The path that was asked for."""
        return self.http.scope["path"]

    @property
    def address(self) -> str:
        """Path and query as they were sent, whatever `Host` says."""
        query = self.http.scope["query_string"].decode("latin-1")
        return f"{quote(self.path)}?{query}" if query else quote(self.path)

    @property
    def request_id(self) -> str:
        """What the request is called in the log and in the answer's `X-Request-Id`."""
        return self.http.scope.get("callmark.request_id", "")

    @property
    def is_htmx(self) -> bool:
        """Whether htmx asks, for a part of the page."""
        return self.http.headers.get("hx-request") == "true"

    @property
    def is_poll(self) -> bool:
        """Whether an open page asks automatically, by htmx or for a progress bar; nobody need be in front of it."""
        sent = self.http.headers
        return "x-callmark-poll" in sent or sent.get("accept") == "text/event-stream"

    def may(self, action: Action, path: Path | None = None) -> bool:
        """Whether to show a button. What is bound to a place needs one: `own_place` for all that is inside the own."""
        if path is None and action in OF_PLACE:
            raise TypeError(f"{action} is bound to a place")
        path = path or ()
        return self.in_account and may(self.by, self.live_session.features, action, path)

    def offers(self, action: Action) -> bool:
        """Whether the visitor may do that somewhere in the account."""
        return offers(self.by.role, self.live_session.features, action)

    def go(self, to: str, said: str = "", kind: str = "success") -> Response:
        """To another page of ours after a change, which shows `said` once."""
        if said:
            self.new_cookies.append(cookies.flash(said, kind))
        return RedirectResponse(to, 303)


def _read_shown(*texts: str) -> dict[str, str | list[str]]:
    """What a form says that its page showed; nothing where it says nothing of the kind."""
    try:
        return _shown(texts[0]) if texts else {}
    except (msgspec.DecodeError, ValueError):
        return {}


def page_of(url: str) -> str:
    """Path and query of the page that a browser says it shows; empty for what is no address of ours."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def page_after(wanted: str) -> str:
    """Where to go after a form that says so: a path of the console, never another site."""
    path = wanted.partition("?")[0]
    is_ours = path == HOME or path.startswith(f"{HOME}/")
    is_plain = wanted.isprintable() and "\\" not in wanted and "//" not in path and "#" not in wanted
    return wanted if is_ours and is_plain else HOME


def first_digits(text: str) -> str:
    """What a number begins with, as people type it: `+91 99…`, `0091 99…`. What has no digit begins no number."""
    found = "".join(character for character in plain_text(text) if character.isascii() and character.isdigit())
    return without_exit_code(found) if found else ("x" if text.strip() else "")


def whole_number(text: str, most: int) -> int | None:
    """The whole number from 0 to `most` that a text is in digits of any script; None for any other text."""
    text = plain_text(text)
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(most)) and int(text) <= most
    return int(text) if is_number else None


def with_query(path: str, **parts: str) -> str:
    """A path with those query parameters that are not empty."""
    kept: Mapping[str, str] = {name: value for name, value in parts.items() if value}
    return f"{path}?{urlencode(kept)}" if kept else path
