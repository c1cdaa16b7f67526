"""Mails to people: what each says, as plain text and the same as a small page.

Each names the account that it is about, says what to do, and has the link to where that is done. `until` is when that
link, or the code, ends: the mail is not sent from then on. It says so as a moment: a mail may come late, and "within an
hour" would then be of an hour that has passed.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import NamedTuple

from callmark.domain.deps import Deps
from callmark.domain.mail import sealing, service as mail
from callmark.kit.postgres.database import Tx
from callmark.kit.text import moment

_IN_LINKS = re.compile(r"(?<=\S)[.:\u3002\uff0e\uff1a\uff61](?=\S)|\\(?=\\)")
"""Between any two characters: labels of hosts may end in signs that are no letters (Indian vowels, accents, emoji)."""
_HAIR_SPACE = "\u200a"
"""The thinnest: a link ends at it. Characters without width are left out of a host's name, so a link would work."""


async def send_invitation(
    deps: Deps, tx: Tx, to: str, account_name: str, by: str, token: str, until: datetime, *, is_in_use: bool = False
) -> None:
    """The link with which a new member chooses name and password; or why it cannot (`is_in_use`: the address)."""
    inviter = f"{_name(by)} has invited you" if by else "You have been invited"
    account_name = _name(account_name)
    await _send(
        deps,
        tx,
        to,
        subject=f"Your invitation to {account_name} on Callmark",
        lines=[
            f"{inviter} to manage the caller identity of {account_name}.",
            f"Open the link until {moment(until)} to choose your password. It works once."
            if not is_in_use
            else "You already use this address to sign in to Callmark for another business, and an address can belong"
            " to one business only. Ask to be invited with another address. Or ask the other business to remove you;"
            f" the link then works, until {moment(until)}.",
        ],
        link=f"{deps.public_url}/console/invitations/{token}",
        button="Accept the invitation",
        lets_in_until=until,
    )


async def send_reset(deps: Deps, tx: Tx, to: str, account_name: str, token: str, until: datetime) -> None:
    """The link with which someone chooses a new password."""
    await _send(
        deps,
        tx,
        to,
        subject="Choose a new password for Callmark",
        lines=[
            f"Someone, hopefully you, asked for a new password for {to}{_of(account_name)}.",
            f"Open the link until {moment(until)}; it works once.",
            "If you did not ask, ignore this mail. Nothing has changed.",
        ],
        link=f"{deps.public_url}/console/reset/{token}",
        button="Choose a new password",
        lets_in_until=until,
    )


async def send_password_changed(deps: Deps, tx: Tx, to: str, account_name: str, address: str | None) -> None:
    """Someone's password is another now; `address` is of the browser that changed it, None for the operator."""
    how = "by an operator of Callmark" if address is None else f"from the address {address or 'unknown'}"
    whom = f"an admin of {_name(account_name)}" if account_name else "another operator"
    await _send(
        deps,
        tx,
        to,
        subject="Your Callmark password was changed",
        lines=[
            f"The password of {to}{_of(account_name)} was changed on {moment(deps.clock.now())}, {how}.",
            "Every other session has ended. If you know of this change, there is nothing to do.",
            f"If you do not, someone may read your email or know your password. Choose a new one, and tell {whom}.",
        ],
        link=f"{deps.public_url}/console/forgot",
        button="Choose a new password",
    )


async def send_code(deps: Deps, tx: Tx, to: str, account_name: str, code: str, until: datetime) -> None:
    """The code that completes a sign-in."""
    await _send(
        deps,
        tx,
        to,
        subject="Your Callmark sign-in code",
        lines=[
            f"Your code to sign in is {code}. It is valid until {moment(until)}, for {to}{_of(account_name)}.",
            "If you are not signing in right now, someone else knows your password. Change it.",
        ],
        link=f"{deps.public_url}/console/me",
        button="Your own account",
        lets_in_until=until,
    )


async def send_secrets_replaced(deps: Deps, tx: Tx, to: str, account_name: str, webhooks: Sequence[str]) -> None:
    """Webhooks of the account have new secrets that nobody has seen."""
    account_name = _name(account_name)
    await _send(
        deps,
        tx,
        to,
        subject=f"{account_name}: the secrets of your webhooks were replaced",
        lines=[
            (
                f"The operator of Callmark had to replace the secret of every webhook of {account_name}:"
                f" {', '.join(map(_name, webhooks))}."
            ),
            (
                "Receivers that verify signatures now refuse events. For each webhook, open Webhooks, choose"
                " Rotate secret, and copy the secret that is shown to your receiver."
            ),
            "Refused events are retried for three days. After that, you can resend them.",
        ],
        link=f"{deps.public_url}/console/webhooks",
        button="Open Webhooks",
    )


async def send_alert_confirmation(
    deps: Deps, tx: Tx, to: str, account_name: str, by: str, token: str, until: datetime
) -> None:
    """The link with which the reader of an address agrees to get an account's alerts. `by`: whose email chose it."""
    account_name = _name(account_name)
    by = _name(by) if "/" in by else by
    await _send(
        deps,
        tx,
        to,
        subject=f"Confirm that you want alerts of {account_name}",
        lines=[
            f"{by} has chosen this address for alerts of {account_name} on Callmark.",
            f"Open the link until {moment(until)} to agree. If you ignore this email, you get nothing else.",
        ],
        link=f"{deps.public_url}/console/alerts/confirm/{token}",
        button="Confirm this address",
        lets_in_until=until,
    )


class Footer(NamedTuple):
    """The end of a mail that comes unasked: why it came, and a link to where that is changed."""

    why: str
    what: str
    link: str


def letter(
    deps: Deps, lines: Sequence[str], links: Sequence[tuple[str, str]], footer: Footer | None = None
) -> tuple[str, str]:
    """Plain text and page of a mail: its paragraphs, then links as (what it leads to, address), the first a button."""
    (button, link), *others = links
    more = [f"{what}: {address}" for what, address in others]
    if footer:
        more.append(f"{footer.why} {footer.what}: {footer.link}")
    return _text(deps, [*lines, f"{button}: {link}", *more]), _page(deps, [*lines, *more], link, button)


def _name(text: str) -> str:
    """A name that someone chose: mail programs make no link of it, and it reads as before.

    They make one of what looks like an address (`www.evil.example/pay`). The mail comes from the operator's domain, and
    may go to people who have never heard of the account.
    """
    return _IN_LINKS.sub(rf"\g<0>{_HAIR_SPACE}", text)


def _of(account_name: str) -> str:
    return f" of {_name(account_name)}" if account_name else ""


async def _send(
    deps: Deps,
    tx: Tx,
    to: str,
    *,
    subject: str,
    lines: list[str],
    link: str,
    button: str,
    lets_in_until: datetime | None = None,
) -> None:
    """`lets_in_until`: up to then, who reads it can do what only its recipient may, such as choose a new password."""
    text = _text(deps, [*lines, link])
    html = _page(deps, lines, link, button)
    sealer = await sealing.sealer(tx, deps.settings) if lets_in_until else None
    now = deps.clock.now()
    await mail.enqueue(
        tx, to=to, subject=subject, text=text, html=html, now=now, expires_at=lets_in_until, sealer=sealer
    )


def _text(deps: Deps, parts: Sequence[str]) -> str:
    return "\n\n".join([*parts, f"Callmark at {deps.public_url}"])


def _page(deps: Deps, lines: Sequence[str], link: str, button: str) -> str:
    paragraphs = "".join(f'<p style="margin:0 0 16px">{escape(line)}</p>' for line in lines)
    action = (
        '<table role="presentation" cellpadding="0" cellspacing="0" style="margin:24px 0"><tr>'
        '<td bgcolor="#066fd1" style="border-radius:6px">'  # Outlook knows no other way to colour a button
        f'<a href="{escape(link)}" style="background-color:#066fd1;color:#fff;padding:12px 20px;'
        f'border-radius:6px;text-decoration:none;display:inline-block">{escape(button)}</a></td></tr></table>'
        f'<p style="margin:0 0 16px;color:#5b6675;font-size:13px;word-break:break-all">{escape(link)}</p>'
    )
    return (
        '<!doctype html><html lang="en"><body style="margin:0;padding:32px 16px;background-color:#f4f6fa;'
        'font:16px/1.5 system-ui,sans-serif;color:#182433"><div style="max-width:520px;margin:0 auto;'
        'background-color:#fff;border-radius:8px;padding:32px">'
        '<p style="margin:0 0 24px;font-weight:600;font-size:20px">Callmark</p>'
        f'{paragraphs}{action}<p style="margin:24px 0 0;color:#5b6675;font-size:13px">Sent by Callmark at '
        f"{escape(deps.public_url)}</p></div></body></html>"
    )
