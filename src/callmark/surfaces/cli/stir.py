"""`callmark stir`: the certificates that calls are signed with, and the roots that are trusted."""

from pathlib import Path

import click
from cryptography.hazmat.primitives.serialization import Encoding

from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, TrustRootId
from callmark.domain.signer_certificates import roots, service as signer_certificates
from callmark.domain.signer_certificates.model import StoredCertificate, TrustRoot
from callmark.surfaces.cli.command import operator, operator_at_terminal
from callmark.surfaces.cli.options import account_option, id_argument, yes_option
from callmark.surfaces.cli.prompts import sure
from callmark.terminal import Output, Row

_ROOT_COLUMNS = ("id", "name", "is_own", "not_after", "fingerprint")
_CERTIFICATE_COLUMNS = ("serial", "account_id", "numbers", "not_after", "is_imported", "retired_at")
_FILE = click.Path(path_type=Path, dir_okay=False, exists=True, allow_dash=True)


@click.group
def group() -> None:
    """Manage what calls are signed with, and whose signatures count."""


@group.group
def root() -> None:
    """Manage roots: whose certificates count when a call is verified."""


@root.command("create")
@click.option("--name", default="Callmark test root", help="Its name.")
@click.option(
    "--provider-code",
    metavar="CODE",
    help="A code that its certificates have beside numbers; then they also count for numbers that are announced.",
)
@operator
async def create_root(deps: Deps, out: Output, name: str, provider_code: str | None) -> None:
    """Make a root of this installation's own, which issues certificates to accounts: for tests and private networks."""
    made = await roots.create_root(deps, name, provider_code, by=operator_at_terminal())
    out.item(_root_row(made), "Root created.", "Print it for other verifiers with `callmark stir root show`.")


@root.command
@operator
async def show(deps: Deps, out: Output) -> None:
    """Print the certificate of this installation's own root, for other verifiers to trust."""
    own = await roots.own_root(deps)
    pem = own.certificate.public_bytes(Encoding.PEM).decode()
    if out.as_json:
        out.item({**_root_row(own), "pem": pem})
    else:
        click.echo(pem, nl=False)


@root.command
@click.argument("file", type=_FILE)
@operator
async def add(deps: Deps, out: Output, file: Path) -> None:
    """Trust every root in a PEM file (`-`: standard input). Those that have ended or count for nothing are left out."""
    added, left_out = await roots.add_roots(deps, _read(file, roots.MOST_FILE_BYTES), by=operator_at_terminal())
    for name, why in left_out:
        click.echo(f"Left out: {name!r} ({why}).", err=True)
    which = "The others" if left_out else "They"
    out.rows(list(map(_root_row, added)), _ROOT_COLUMNS, empty=f"{which} are trusted already.")


@root.command("list")
@operator
async def list_roots(deps: Deps, out: Output) -> None:
    """List the roots that are trusted."""
    rows = list(map(_root_row, await roots.list_roots(deps)))
    out.rows(rows, _ROOT_COLUMNS, empty="No roots yet. Trust one with `callmark stir root add FILE`.")


@root.command
@id_argument
@yes_option
@operator
async def remove(deps: Deps, out: Output, id: TrustRootId, *, yes: bool) -> None:
    """Trust a root no more. If it is this installation's own, the accounts' certificates stop signing too."""
    sure("Remove this root? Calls that are signed under it are no longer verified.", yes=yes)
    removed = await roots.remove_root(deps, id, by=operator_at_terminal())
    out.done(_root_row(removed), f"Root {removed.name!r} removed.")


@group.group
def certificate() -> None:
    """Manage the certificates that calls are signed with."""


@certificate.command
@account_option
@operator
async def issue(deps: Deps, out: Output, account: AccountId) -> None:
    """Replace an account's certificate and its key. Calls that need one get it without this command."""
    issued = await signer_certificates.issue_certificates(deps, account, by=operator_at_terminal())
    out.rows([_row(deps, one) for one in issued], _CERTIFICATE_COLUMNS, empty="")


@certificate.command("list")
@click.option("--account", type=click.UUID, metavar="ID", help="Only those of this client account.")
@operator
async def list_certificates(deps: Deps, out: Output, account: AccountId | None) -> None:
    """List certificates, newest first, including those that sign no longer."""
    rows = [_row(deps, one) for one in await signer_certificates.list_certificates(deps, account)]
    out.rows(rows, _CERTIFICATE_COLUMNS, empty="No certificates yet. An account gets one with its first signed call.")


@certificate.command
@click.argument("serial")
@yes_option
@operator
async def retire(deps: Deps, out: Output, serial: str, *, yes: bool) -> None:
    """Stop signing with a certificate and delete its key. Verifiers can still get it."""
    sure("Stop signing with this certificate, and delete its key?", yes=yes)
    retired = await signer_certificates.retire_certificate(deps, serial, by=operator_at_terminal())
    out.done(_row(deps, retired), f"Certificate {retired.serial} retired.")


@certificate.command("import")
@click.option(
    "--account",
    type=click.UUID,
    metavar="ID",
    help="The client account that signs with it (default: the operator, for calls of every account).",
)
@click.option("--certificate", "file", type=_FILE, required=True, help="PEM file: the certificate, then its issuers.")
@click.option("--key", type=_FILE, required=True, help="PEM file of its private key, without a password.")
@operator
async def import_(deps: Deps, out: Output, account: AccountId | None, file: Path, key: Path) -> None:
    """Sign with a certificate that a certification authority of the network issued. It is not renewed automatically."""
    stored = await signer_certificates.import_certificate(
        deps, account, _read(file), _read(key), by=operator_at_terminal()
    )
    out.item(_row(deps, stored), "Certificate imported.", f"Import its successor before {stored.not_after:%Y-%m-%d}.")


def _read(file: Path, most_bytes: int = 1 << 17) -> bytes:
    """A file's content, at most one byte more than is accepted."""
    with click.open_file(str(file), "rb") as opened:
        return opened.read(most_bytes + 1)


def _root_row(one: TrustRoot) -> Row:
    return {
        "id": one.id,
        "name": one.name,
        "is_own": one.is_own,
        "provider_code": one.provider_code,
        "not_after": one.certificate.not_valid_after_utc,
        "fingerprint": roots.fingerprint(one.certificate),
    }


def _row(deps: Deps, one: StoredCertificate) -> Row:
    allowed = signer_certificates.allowed_by(one)
    return {
        "serial": one.serial,
        "account_id": one.account_id,
        "numbers": len(allowed.numbers) + sum(each.count for each in allowed.ranges),
        "provider_codes": list(allowed.provider_codes),
        "not_before": one.not_before,
        "not_after": one.not_after,
        "is_imported": one.is_imported,
        "retired_at": one.retired_at,
        "url": signer_certificates.url_of(deps, one),
    }
