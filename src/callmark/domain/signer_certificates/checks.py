"""Whether calls can be signed and verified as long as nobody does anything: what ends, and what counts for nobody."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from callmark.domain.signer_certificates import queries, roots
from callmark.domain.signer_certificates.chain_problems import ChainProblem, chain_problem
from callmark.kit.checks import CheckResult
from callmark.kit.postgres.database import Tx
from callmark.kit.settings import Settings
from callmark.passport.certificates import read_chain

_WARNED_BEFORE = {"imported": timedelta(days=14), "issued": timedelta(days=5), "trusted": timedelta(days=14)}
"""How long before its end a certificate is reported; ours should have been replaced by then."""
_WHEN_LATE = {
    "imported": "Import the successor: `callmark stir certificate import`; retire one that nobody needs.",
    "issued": "Start a worker: it replaces those of this installation's own root, unless that ends too.",
}
_SUCCESSOR = "Trust the successors: `callmark stir root add`."
_OWN = "Replace your own: `callmark stir root remove`, then `callmark stir root create`."
_USELESS = "Remove those that have ended or that do not count: `callmark stir root remove`."
_MOST_NAMED = 3


async def ends(tx: Tx) -> dict[str, datetime]:
    """When the first certificate ends, of those in use that are `issued` or `imported`, and of the `trusted` roots."""
    trusted = [root.certificate.not_valid_after_utc for root in await queries.select_roots(tx)]
    return await queries.select_ends(tx) | ({"trusted": min(trusted)} if trusted else {})


async def check_signing(tx: Tx, settings: Settings, public_url: str, now: datetime) -> CheckResult:
    """Whether calls can be signed, and verified by those who trust the roots that are trusted here."""
    name, first = "signed calls", await queries.select_ends(tx)
    if not first:
        return CheckResult(name, ok=True, detail="no certificate is in use")
    if not settings.allows_plain_http and not public_url.startswith("https://"):
        advice = "Set CALLMARK_PUBLIC_URL to an https:// address."
        return CheckResult(name, ok=False, detail=f"certificates cannot be got from {public_url}", advice=advice)
    told = ", ".join(f"{kind} until {until:%Y-%m-%d}" for kind, until in sorted(first.items()))
    advice = [_WHEN_LATE[kind] for kind, until in sorted(first.items()) if until - now < _WARNED_BEFORE[kind]]
    problems = await _problems(tx, now)
    if problems:
        told += f"; with the roots that are trusted here these do not count: {_some([why for why, _ in problems])}"
        advice += dict.fromkeys(f"{helps}." for _, helps in problems)
    return CheckResult(name, ok=not advice, detail=f"certificates: {told}", advice=" ".join(advice))


async def check_roots(tx: Tx, now: datetime) -> CheckResult:
    """Whether the trusted roots count, and will for some time."""
    trusted = await queries.select_roots(tx)
    if not trusted:
        return CheckResult("trusted roots", ok=True, detail="none")
    last = now + _WARNED_BEFORE["trusted"]
    ending = [root for root in trusted if now <= root.certificate.not_valid_after_utc < last]
    useless = [f"{root.name!r} ({why})" for root in trusted if (why := roots.why_useless(root, now))]
    told = [str(len(trusted))]
    soon = [f"{root.name!r} (until {root.certificate.not_valid_after_utc:%Y-%m-%d})" for root in ending]
    told += [f"ending soon: {_some(soon)}"] if soon else []
    told += [f"without effect: {_some(useless)}"] if useless else []
    cases = (_SUCCESSOR, any(not root.is_own for root in ending)), (_OWN, any(root.is_own for root in ending))
    advice = " ".join(text for text, is_so in (*cases, (_USELESS, useless)) if is_so)
    return CheckResult("trusted roots", ok=not advice, detail="; ".join(told), advice=advice)


async def _problems(tx: Tx, now: datetime) -> list[ChainProblem]:
    """Imported certificates in use that do not count for those who trust our roots; not those whose time is over."""
    trusted = [root.certificate for root in await queries.select_roots(tx)]
    in_use = [one for one in await queries.select_imported_in_use(tx) if one.not_after >= now]
    found = [(one.serial, chain_problem(read_chain(one.chain.encode()), trusted, now)) for one in in_use]
    return [ChainProblem(f"{serial} ({problem.why})", problem.advice) for serial, problem in found if problem]


def _some(names: Sequence[str]) -> str:
    more = [f"{len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
    return ", ".join([*names[:_MOST_NAMED], *more])
