"""Mails of the console: invitation, new password, code. Plain text, and the same as a small page."""

from html import escape

from callmark.domain.deps import Deps
from callmark.kit import mail
from callmark.kit.db import Tx


async def send_invitation(
    deps: Deps, tx: Tx, to: str, account_name: str, by: str, token: str, *, is_in_use: bool = False
) -> None:
    """The link with which a new member chooses name and password; or why it cannot (`is_in_use`: the address)."""
    inviter = f"{by} has invited you" if by else "You are invited"
    await _send(
        deps,
        tx,
        to,
        subject=f"Your invitation to {account_name} on Callmark",
        lines=[
            f"{inviter} to manage the caller identity of {account_name}.",
            "Open the link within 7 days to choose your password. It works once."
            if not is_in_use
            else "You already sign in to Callmark with this address for another business, and one address belongs to"
            " one business. Ask to be invited with another address, or have the other business delete your access:"
            " then the link works, for 7 days from now.",
        ],
        link=f"{deps.public_url}/console/invitations/{token}",
        button="Accept the invitation",
    )


async def send_reset(deps: Deps, tx: Tx, to: str, token: str) -> None:
    """The link with which somebody chooses a new password."""
    await _send(
        deps,
        tx,
        to,
        subject="Choose a new password for Callmark",
        lines=[
            "Somebody, hopefully you, asked for a new password for this address.",
            "Open the link within an hour. It works once. If it was not you, ignore this mail: nothing has changed.",
        ],
        link=f"{deps.public_url}/console/reset/{token}",
        button="Choose a new password",
    )


async def send_code(deps: Deps, tx: Tx, to: str, code: str) -> None:
    """The code that completes a sign-in."""
    await _send(
        deps,
        tx,
        to,
        subject=f"{code} is your Callmark code",
        lines=[
            f"Your code to sign in is {code}. It is good for 10 minutes.",
            "If you are not signing in just now, somebody knows your password: change it.",
        ],
    )


async def _send(
    deps: Deps, tx: Tx, to: str, *, subject: str, lines: list[str], link: str = "", button: str = ""
) -> None:
    text = "\n\n".join([*lines, *([link] if link else []), f"Callmark at {deps.public_url}"])
    paragraphs = "".join(f'<p style="margin:0 0 16px">{escape(line)}</p>' for line in lines)
    action = (
        f'<p style="margin:24px 0"><a href="{escape(link)}" style="background:#066fd1;color:#fff;padding:12px 20px;'
        f'border-radius:6px;text-decoration:none;display:inline-block">{escape(button)}</a></p>'
        f'<p style="margin:0 0 16px;color:#5b6675;font-size:13px;word-break:break-all">{escape(link)}</p>'
        if link
        else ""
    )
    html = (
        '<!doctype html><html lang="en"><body style="margin:0;padding:32px 16px;background:#f4f6fa;'
        'font:16px/1.5 system-ui,sans-serif;color:#182433"><div style="max-width:520px;margin:0 auto;background:#fff;'
        'border-radius:8px;padding:32px"><p style="margin:0 0 24px;font-weight:600;font-size:20px">Callmark</p>'
        f'{paragraphs}{action}<p style="margin:24px 0 0;color:#5b6675;font-size:13px">Sent by Callmark at '
        f"{escape(deps.public_url)}</p></div></body></html>"
    )
    await mail.enqueue(tx, to=to, subject=subject, text=text, html=html, now=deps.clock.now())
