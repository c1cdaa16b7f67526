"""A request that asks for its place in a rate limit."""

from tests.support.factories import Cast

from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.limits.model import Bucket
from callmark.domain.policy.plan import Feature


async def knock(deps: Deps, cast: Cast, bucket: Bucket) -> bool:
    admission = await credentials.admit(
        deps, cast.token, str(cast.account.id), feature=Feature.CALL_PERSONALISATION, bucket=bucket
    )
    assert admission.allowance
    return admission.allowance.granted
