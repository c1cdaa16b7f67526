"""What pages say of a listing job whose feature set is gone, and of one that was rejected."""

from tests.domain.numbers.staging import phones, reviewing, run_jobs
from tests.support.actors import ALICE, OPERATOR
from tests.surfaces.console.browser import Business, Visitors, text_of
from tests.surfaces.console.listing import NUMBERS, list_in, make_set

from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.numbers import reviews, service as numbers
from callmark.domain.policy.model import SYSTEM, WHOLE_ACCOUNT


async def test_a_job_of_a_deleted_feature_set_says_that_it_is_deleted(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    here, (one,) = await make_set(deps, business), phones(1)
    of = deps, business.account.id, here
    await list_in(deps, business, here, one)
    await numbers.delist(*of, [one], by=ALICE)
    await run_jobs(deps)
    await feature_sets.delete_feature_set(*of, by=SYSTEM)
    alice = await browse.as_member(business.admin)
    jobs = await reviews.list_jobs(deps, business.account.id, WHOLE_ACCOUNT)
    for path in (f"{NUMBERS}/jobs", *(f"{NUMBERS}/jobs/{job.id}" for job in jobs)):
        text = text_of(await alice.get(path))
        assert " deleted " in text, path
        assert "outside the structure" not in text, path


async def test_a_job_that_was_rejected_says_so_while_it_runs(deps: Deps, business: Business, browse: Visitors) -> None:
    here = await make_set(deps, business)
    asked = await numbers.publish(reviewing(deps), business.account.id, here, phones(1), by=ALICE)
    assert asked.job_id
    await reviews.reject(deps, asked.job_id, "not yours", by=OPERATOR)
    alice = await browse.as_member(business.admin)
    assert "Rejecting" in text_of(await alice.get(f"{NUMBERS}/jobs/{asked.job_id}"))
