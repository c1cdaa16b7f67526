"""Sessions of members who signed in."""

from tests.surfaces.console.browser import PASSWORD

from callmark.domain.deps import Deps
from callmark.domain.members.model import Member
from callmark.domain.sessions import service as sessions
from callmark.domain.sessions.model import Origin, Session, SignedIn

ORIGIN = Origin("203.0.113.9", "")


async def session_of(deps: Deps, member: Member) -> Session:
    signed_in = await sessions.sign_in(deps, member.email, PASSWORD, ORIGIN)
    assert isinstance(signed_in, SignedIn)
    found = await sessions.find_session(deps, signed_in.token)
    assert found is not None
    return found
