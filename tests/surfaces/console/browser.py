"""A browser without a window for the console: follows the pages' own forms, in process, signed in as anybody."""

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from html import unescape
from typing import NamedTuple
from uuid import UUID

import httpx
from msgspec import Struct, field
from starlette.applications import Starlette
from tests.support.rows_again import RowsAgain, rows_of
from tests.support.written_mails import written_mails

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import Account
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, DepartmentId, OperationId, ProcessId
from callmark.domain.members import service as members
from callmark.domain.members.model import Member
from callmark.domain.operators import service as operators
from callmark.domain.operators.model import Operator
from callmark.domain.policy.model import SYSTEM, Role
from callmark.domain.sessions import jobs as session_jobs, links, queries as session_queries
from callmark.domain.sessions.model import MemberState, Origin, Person
from callmark.domain.sessions.passwords import hash_password
from callmark.domain.sessions.service import begin_session
from callmark.domain.structure import service as structure
from callmark.domain.structure.catalogue import catalogue_entry_named
from callmark.kit.ids import random_text
from callmark.kit.worker import Worker
from callmark.surfaces import assets
from callmark.surfaces.console import cookies, display_names
from callmark.surfaces.console.app import Console
from callmark.surfaces.console.routes import TABLE
from callmark.surfaces.observed import Observed

PASSWORD = "four unrelated words here"
BASE = "http://callmark.test"
_TAG = re.compile(r"""<!--.*?-->|</?[A-Za-z!](?:[^"'>]|"[^"]*"|'[^']*')*>""", re.DOTALL)
_ACT = re.compile(r"/console/operator/accounts/([0-9a-f-]{36})/act")
_hashes: list[str] = []


class Business(Struct, frozen=True):
    """An account with a member of every role; owners own the first of two branches of its structure."""

    account: Account
    admin: Member
    department_owner: Member
    operation_owner: Member
    process_owner: Member
    department: DepartmentId
    operation: OperationId
    process: ProcessId
    other_department: DepartmentId

    @property
    def members(self) -> dict[Role, Member]:
        """Each role's member."""
        found = (self.admin, self.department_owner, self.operation_owner, self.process_owner)
        return {member.role: member for member in found}


class _Written(NamedTuple):
    """A business of that name as the use cases wrote it, and what ends the names of its addresses."""

    again: RowsAgain[Business]
    tag: str


_written: dict[str, _Written] = {}


async def make_business(deps: Deps, name: str = "Acme") -> Business:
    """A business of its own for a test. The first of a name in a process is made by the use cases."""
    tag = random_text(8).lower()
    if written := _written.get(name):
        async with deps.db.connection() as tx:
            return await written.again.write(tx, deps.clock.now(), {written.tag: tag})
    made = await make_business_by_use_cases(deps, name, tag)
    async with deps.db.connection() as tx:
        _written[name] = _Written(await rows_of(tx, made.account.id, made, deps.clock.now()), tag)
    return made


async def make_business_by_use_cases(deps: Deps, name: str, tag: str) -> Business:
    """As `make_business`; `tag` ends the names of its members' addresses."""
    account = await accounts.create_account(deps, name, by=SYSTEM)
    department = await structure.create_department(deps, account.id, name="Logistics", by=SYSTEM)
    other = await structure.create_department(deps, account.id, name="Sales", by=SYSTEM)
    entry = catalogue_entry_named("Delivery")
    operation = await structure.create_operation(deps, account.id, department.id, catalogue_id=entry.id, by=SYSTEM)
    process = await structure.create_process(deps, account.id, operation.id, name="Last mile", by=SYSTEM)

    async def member(who: str, role: Role, node: UUID | None = None) -> Member:
        made = await members.create_without_rules(
            deps,
            account.id,
            email=f"{who}-{tag}@acme.example",
            name=who.capitalize(),
            role=role,
            state=MemberState.ACTIVE,
            node_id=node,
            by=SYSTEM,
        )
        await set_password(deps, made)
        return made

    return Business(
        account,
        await member("alice", Role.ADMIN),
        await member("dora", Role.DEPARTMENT_OWNER, department.id),
        await member("oscar", Role.OPERATION_OWNER, operation.id),
        await member("paul", Role.PROCESS_OWNER, process.id),
        department.id,
        operation.id,
        process.id,
        other.id,
    )


async def set_password(deps: Deps, member: Member) -> None:
    """`PASSWORD`, hashed once per test run, because that takes its time on purpose."""
    if not _hashes:
        _hashes.append(await hash_password(PASSWORD))
    async with deps.db.connection() as tx:
        await session_queries.set_password(tx, Person(member_id=member.id), _hashes[0])


async def make_operator(deps: Deps) -> Operator:
    """An operator with `PASSWORD`."""
    return await operators.create_operator(
        deps, email=f"opal-{random_text(8).lower()}@operator.example", name="Opal", password=PASSWORD, by=SYSTEM
    )


class Browser(Struct):
    """One person's browser. Cookies are kept; forms are sent with what the page put into them.

    `acting_for` is the account whose pages an operator has open.
    """

    http: httpx.AsyncClient
    acting_for: AccountId | None = None
    person: Person = Person()

    async def get(self, path: str, **more: str) -> httpx.Response:
        """A page; redirects are not followed."""
        return await self.http.get(path, params=more or None)

    async def post(self, path: str, values: Mapping[str, object] | None = None, **files: object) -> httpx.Response:
        """Sends a form with this browser's CSRF token, as a page's own form would."""
        data = {"csrf": self.csrf, **(values or {})}
        answer = await self.http.post(path, data=data, files=files or None)  # type: ignore[arg-type] - httpx spells its union out
        if begun := _ACT.fullmatch(path):
            self.acting_for = AccountId(UUID(begun[1]))
        return answer

    @property
    def csrf(self) -> str:
        """The token of a page that this browser was just shown."""
        jar = self.http.cookies
        key = jar.get(cookies.SESSION) or jar.get(cookies.VISITOR) or "none"
        return cookies.csrf_token(key, cookies.Viewer(self.person, self.acting_for))

    async def follow(self, response: httpx.Response) -> httpx.Response:
        """The page an answer redirects to."""
        assert response.status_code == 303, (response.status_code, text_of(response))
        return await self.get(response.headers["location"])


class Visitors(Struct):
    """Makes browsers."""

    deps: Deps
    app: Starlette
    opened: list[httpx.AsyncClient] = field(default_factory=list[httpx.AsyncClient])

    def __call__(self, address: str = "203.0.113.7") -> Browser:
        """A stranger's."""
        http = httpx.AsyncClient(transport=httpx.ASGITransport(Observed(self.app), client=(address, 1)), base_url=BASE)
        self.opened.append(http)
        return Browser(http)

    async def as_member(self, member: Member) -> Browser:
        """Signed in as that member."""
        browser = await self._as(Person(member_id=member.id))
        browser.acting_for = member.account_id
        return browser

    async def as_operator(self, operator: Operator) -> Browser:
        """Signed in as that operator, acting for nobody."""
        return await self._as(Person(operator_id=operator.id))

    async def _as(self, person: Person) -> Browser:
        async with self.deps.db.transaction() as tx:
            token = await begin_session(self.deps, tx, person, Origin("203.0.113.7", "test"))
        browser = self()
        browser.person = person
        browser.http.cookies.set(cookies.SESSION, token, domain="callmark.test", path="/")
        return browser


class _Shared(Console):
    """A console that one test after the other uses: to make and compile its routes takes as long as a few pages."""

    def __init__(self, deps: Deps) -> None:
        super().__init__(deps, TABLE)
        self.app = Starlette(routes=[*assets.routes(), *self.routes])
        self.app.router.redirect_slashes = False

    def serve(self, deps: Deps) -> Starlette:
        """The application, of another installation from now on."""
        self._deps = deps
        return self.app


_idle: list[_Shared] = []


@asynccontextmanager
async def visitors(deps: Deps) -> AsyncGenerator[Visitors]:
    """The console in process."""
    console = _idle.pop() if _idle else _Shared(deps)
    made = Visitors(deps, console.serve(deps))
    yield made
    for http in made.opened:
        await http.aclose()
    _idle.append(console)


def text_of(response: httpx.Response) -> str:
    """What a page says, without its tags, in single spaces."""
    return " ".join(unescape(_TAG.sub(" ", response.text)).split())


def csrf_of(response: httpx.Response) -> str:
    """The token of a page's first form."""
    return unescape(response.text.partition('name="csrf" value="')[2].partition('"')[0])


def shown_number(phone_number: str) -> str:
    """A phone number as a page shows it, in the spaces of `text_of`."""
    return " ".join(display_names.phone(phone_number).split())


def links_of(response: httpx.Response) -> set[str]:
    """Where a page leads: targets of links and forms."""
    return {unescape(found) for found in re.findall(r'(?:href|action)="([^"#]+)"', response.text)}


def cells_of(page: str, what: str) -> str:
    """The cells of the first row of a table that names `what`, in one line of text."""
    found = next(row for row in page.split("<tr>") if what in row).partition("</tr>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", found).split())


def errors_of(response: httpx.Response) -> dict[str, str]:
    """What a page says beside its fields, by field; the whole form's trouble under "". Fields lead to what is said."""
    found = re.findall(r'id="([\w-]+)-error">(.*?)</div>', response.text, re.DOTALL)
    for name, _ in found:
        assert _leads_there(response.text, f"{name}-error"), f"no field leads to what is said about {name}"
    errors = {name: " ".join(re.sub(r"<[^>]+>", "", said).split()) for name, said in found}
    whole = re.search(r'alert-danger" role="alert">(.*?)</div>', response.text, re.DOTALL)
    return {name: unescape(said) for name, said in errors.items()} | ({"": unescape(whole[1])} if whole else {})


def _leads_there(html: str, error_id: str) -> bool:
    """Whether a field is marked as wrong and described by the error, or the error is said by itself."""
    fields = re.findall(r"<(?:input|select|textarea)\b[^>]*>", html)
    described = re.compile(rf'aria-describedby="[^"]*\b{re.escape(error_id)}\b')
    is_marked = any('aria-invalid="true"' in field and described.search(field) for field in fields)
    return is_marked or f'role="alert" id="{error_id}"' in html


async def not_named(browser: Browser, url: str, wrong: Sequence[tuple[Mapping[str, str], str]]) -> list[str]:
    """Those of the forms, each with its wrong field, that are taken, or refused without a word beside that field."""
    found: list[str] = []
    for typed, name in wrong:
        refused = await browser.post(url, typed)
        if refused.status_code != 422 or name not in errors_of(refused):
            found.append(f"{typed}: {refused}, {errors_of(refused)}")
    return found


async def invite_token(deps: Deps, member: Member) -> str:
    """The token of a fresh invitation's mail."""
    async with deps.db.transaction() as tx:
        await links.invite(deps, tx, member.id, member.email, "Acme", "alice@acme.example")
    return await mailed_token(deps, member.email)


async def mailed_token(deps: Deps, to: str) -> str:
    """The token of the link in the newest mail to that address."""
    return re.findall(r"/console/(?:invitations|reset)/(\w+)", await newest_mail(deps, to))[0]


async def newest_mail(deps: Deps, to: str) -> str:
    """The plain text of the newest mail to that address, after a worker has answered who asked for a new password."""
    await answer_reset_requests(deps)
    return [one for one in await written_mails(deps) if one.to == to][-1].text


async def answer_reset_requests(deps: Deps) -> int:
    """What a worker does about the requests for a new password; how many there were."""
    worker = Worker(deps.db, deps.gather, deps.fabric, deps.clock, deps.real_clock)
    return await worker.run_due(session_jobs.reset_requests(deps))
