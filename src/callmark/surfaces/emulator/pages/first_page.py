"""The demo's first page: what runs here, who is in it, and how to make a handset ring. Read-only, no secrets."""

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import HTMLResponse

from callmark import __version__
from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import Account
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.labels import service as labels
from callmark.domain.numbers import search as number_search
from callmark.domain.numbers.model import NumberFilter, NumberState
from callmark.domain.policy.model import WHOLE_ACCOUNT
from callmark.instants import iso_ms
from callmark.surfaces.api.records import CATALOGUE
from callmark.surfaces.emulator.curl_example import CREDENTIALS_ENV, CREDENTIALS_JSON, RECEIVER, curl_walk
from callmark.surfaces.emulator.handsets.magic_receivers import MAGIC
from callmark.surfaces.emulator.pages.rendering import headers, templates

MOST_ACCOUNTS = 20


class LabelLine(Struct, frozen=True):
    """A label with the path of its logo."""

    name: str
    kind: str
    logo_path: str


class AccountLine(Struct, frozen=True):
    """An account, without its secrets."""

    name: str
    id: str
    labels: list[LabelLine]


class MagicLine(Struct, frozen=True):
    """A magic receiver."""

    number: str
    does: str
    ends_as: str


class EmulatorPageContext(Struct, frozen=True):
    """All the page shows."""

    version: str
    base_url: str
    now: str
    accounts: list[AccountLine]
    magic: list[MagicLine]
    numbers: list[str]
    receiver: str
    listed: str
    """A number of the first account that is listed, empty when none is."""
    credentials: str
    credentials_json: str
    walk: str


class EmulatorPage:
    """`GET /`."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def show(self, _: Request) -> HTMLResponse:
        """The page as things are now."""
        return HTMLResponse(
            templates.get_template("first.html").render(page=await self._context()),
            headers=headers(self._deps.public_url),
        )

    async def _context(self) -> EmulatorPageContext:
        deps = self._deps
        env_file = deps.settings.data / CREDENTIALS_ENV
        json_file = deps.settings.data / CREDENTIALS_JSON
        found = (await accounts.list_accounts(deps))[:MOST_ACCOUNTS]
        return EmulatorPageContext(
            version=__version__,
            base_url=deps.public_url,
            now=iso_ms(deps.clock.now()),
            accounts=[await self._account(account) for account in found],
            magic=magic_lines(),
            numbers=[magic.handset.phone_number for magic in MAGIC],
            receiver=RECEIVER,
            listed=await self._listed(found[0].id) if found else "",
            credentials=str(env_file) if env_file.exists() else "",
            credentials_json=str(json_file) if json_file.exists() else "",
            walk=curl_walk(env_file),
        )

    async def _listed(self, account_id: AccountId) -> str:
        """The least of the account's newest listed numbers, empty when it has none."""
        found = await number_search.search_numbers(
            self._deps, account_id, WHOLE_ACCOUNT, NumberFilter(state=NumberState.LISTED)
        )
        return min((one.number.phone_number for one in found), default="")

    async def _account(self, account: Account) -> AccountLine:
        lines = [
            LabelLine(label.name, label.label_type.value, labels.logo_url("", label))
            for label in reversed(await labels.list_labels(self._deps, account.id))
        ]
        return AccountLine(account.name, str(account.id), lines)


def magic_lines() -> list[MagicLine]:
    """The magic receivers as the page tells them; runs of receivers that do the same are one line."""
    lines: list[MagicLine] = []
    for magic in MAGIC:
        ends_as = ", then ".join(CATALOGUE.get(outcome, outcome.value) for outcome in magic.ends_as)
        line = MagicLine(magic.handset.phone_number, magic.does, ends_as)
        if lines and (lines[-1].does, lines[-1].ends_as) == (line.does, line.ends_as):
            first = lines.pop().number.partition(" ")[0]
            line = MagicLine(f"{first} to {line.number[-4:]}", line.does, line.ends_as)
        lines.append(line)
    return lines
