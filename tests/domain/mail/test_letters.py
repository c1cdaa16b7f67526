"""What mails say of names that someone chose, and of when they end."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.fake_clock import FakeClock
from tests.support.written_mails import written_mails

from callmark.domain.deps import Deps
from callmark.domain.mail import letters

TO = "new@acme.example"
LINK_LIKE = re.compile(r"[\w+]+:(?://|\w)\S+|\\\\\S+|(?:[^\s.]+[.\u3002\uff0e\uff61])+[^\s.]{2,}\S*")
"""What one mail program or another makes a link of."""


async def letters_of(deps: Deps, name: str) -> list[str]:
    """Subject and text of each mail that has names of people or accounts."""
    async with deps.db.transaction() as tx:
        until = deps.clock.now() + timedelta(hours=1)
        await letters.send_invitation(deps, tx, TO, name, name, "token", until)
        await letters.send_reset(deps, tx, TO, name, "token", until)
        await letters.send_code(deps, tx, TO, name, "123456", until)
        await letters.send_alert_confirmation(deps, tx, TO, name, f"{name}/@acme.example", "token", until)
        await letters.send_password_changed(deps, tx, TO, name, "203.0.113.9")
        await letters.send_secrets_replaced(deps, tx, TO, name, [name])
    return [f"{one.subject}\n{one.text}" for one in (await written_mails(deps))[-6:]]


async def test_a_mail_that_comes_late_says_when_its_link_or_code_ends(deps: Deps, clock: FakeClock) -> None:
    clock.advance(datetime(2030, 3, 7, 22, 4, tzinfo=UTC) - clock.now())
    *ending, changed, replaced = await letters_of(deps, "Acme")
    assert ["7 March 2030 at 23:04 UTC" in one for one in ending] == [True] * 4
    assert "was changed on 7 March 2030 at 22:04 UTC" in changed
    assert "UTC" not in replaced
    async with deps.db.transaction() as tx:
        await letters.send_invitation(deps, tx, TO, "Acme", "", "token", clock.now(), is_in_use=True)
    (taken,) = (await written_mails(deps))[-1:]
    assert "the link then works, until 7 March 2030 at 22:04 UTC." in taken.text


@pytest.mark.parametrize(
    "name",
    [
        "Your refund waits: www.evil.example/pay",
        "https://evil.example/pay",
        "Pay at http://2130706433/",
        "evil.example",
        "evil。example",
        "mailto:eve@evil.example",
        r"\\evil\files",
        "Refund भारती.com/pay",  # ends in a sign that is no letter, like many Indian names of hosts
        "i❤.ws/pay",
        "www.❤.ws",
        "x\u0301.example",
    ],
)
async def test_a_name_becomes_no_link_and_reads_as_before(deps: Deps, name: str) -> None:
    plain = [LINK_LIKE.findall(one) for one in await letters_of(deps, "Acme")]
    said = await letters_of(deps, name)
    assert LINK_LIKE.search(name)
    assert [LINK_LIKE.findall(one) for one in said] == plain
    assert [name in one.replace("\u200a", "") for one in said] == [True] * len(said)


async def test_most_names_are_left_as_they_are(deps: Deps) -> None:
    for name in ("Dr. Müller & Söhne, Inc.", "Acme: parcels", "A/B Tests", "हिन्दी"):
        assert all(name in one for one in await letters_of(deps, name))
