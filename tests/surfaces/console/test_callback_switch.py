"""The switch of Call Me Back stands in the form of its configuration, which may be filled in when it is turned."""

from tests.support.listed_number import make_listed
from tests.surfaces.console.browser import Business, Visitors, text_of

from callmark.domain.accounts import service as accounts
from callmark.domain.callbacks import service as callbacks
from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.policy.model import SYSTEM
from callmark.domain.policy.plan import ALL_FEATURES, Feature


async def test_hours_that_were_typed_outlive_the_switch_and_are_saved_afterwards(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    listed = await make_listed(deps, account_id=business.account.id, process_id=business.process, call_me_back=False)
    url, alice = f"/console/callbacks/configurations/{listed.feature_set_id}", await browse.as_member(business.admin)
    opened = (await alice.get(url)).text
    form = opened.partition('id="configuration"')[2].partition("</form>")[0]
    assert form.index(">Save</button>") < form.index(">Turn on</button>")  # Enter saves
    typed = {"name": "By day", "slot_picker": "on", "time_zone": "Asia/Kolkata"}
    typed |= {"opens-0": "09:30", "closes-0": "18:00"}
    turned = await alice.post(f"{url}/offer", typed | {"call_me_back": "on"})
    assert turned.status_code == 200
    said = "Delivery default offers Call Me Back from the next missed call. What you typed below is not saved yet."
    assert said in text_of(turned)
    assert "Turn on" not in text_of(turned)
    for value in ("By day", "09:30", "18:00"):
        assert f'value="{value}"' in turned.text, value
    of = deps, business.account.id, listed.feature_set_id
    assert await callbacks.find_config(*of) is None
    assert (await feature_sets.get_feature_set(*of)).call_me_back
    await alice.follow(await alice.post(url, typed))
    config = await callbacks.find_config(*of)
    assert config
    assert config.name == "By day"


async def test_without_number_management_the_switch_is_turned_off_here(
    deps: Deps, business: Business, browse: Visitors
) -> None:
    listed = await make_listed(deps, account_id=business.account.id, process_id=business.process)
    url, alice = f"/console/callbacks/configurations/{listed.feature_set_id}", await browse.as_member(business.admin)
    assert "Turn off" not in text_of(await alice.get(url))
    without = ALL_FEATURES - {Feature.NUMBER_MANAGEMENT}
    await accounts.update_account(deps, business.account.id, features=without, by=SYSTEM)
    assert "Turn off" in text_of(await alice.get(url))
    shown = await alice.follow(await alice.post(f"{url}/offer", {"call_me_back": "off"}))
    assert "Delivery default no longer offers Call Me Back." in text_of(shown)
