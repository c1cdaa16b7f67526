"""The cast of a sample: businesses with keys and labels, and handsets, made through the domain's services."""

import io
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from msgspec.structs import replace
from PIL import Image
from tests.contract.listing import BY_HAND, fresh_numbers
from tests.contract.planted import PLANTED, needs_static_label, plant
from tests.contract.templates import Json, Values, placeholders
from tests.support.actors import ALICE
from tests.support.fake_clock import FakeClock
from tests.support.listed_number import make_listed, ring
from tests.support.waiting import in_task

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.callbacks import service as callbacks
from callmark.domain.callbacks.model import NewCallbackRequest
from callmark.domain.calls.model import CallEvent
from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.feedback import service as feedback
from callmark.domain.feedback.answers import NewFeedback, answer
from callmark.domain.feedback.model import CallType, CampaignType, QuestionAnswer
from callmark.domain.handsets import service as handsets
from callmark.domain.handsets.model import OS
from callmark.domain.ids import AccountId, KeyId, LabelId
from callmark.domain.labels import service as labels
from callmark.domain.labels.model import LabelChange, LabelType
from callmark.domain.policy.model import SYSTEM, Actor, ActorKind
from callmark.domain.policy.plan import Feature
from callmark.instants import to_ms
from callmark.kit.fabric.client import Attachment
from callmark.kit.ids import random_uuid
from callmark.kit.phone import PhoneNumber

BEFORE = timedelta(hours=1)
"""How long before the sample begins its cast came into being."""

SHORT_DEADLINE_S, ENOUGH_S = 3, 60
"""What a silent handset costs a sample, and how long handsets have that answer, on a machine that others use too."""

EMAIL = "ops@acme.example"
OPS = Actor(ActorKind.MEMBER, EMAIL)
TOKENS = {
    "token": "",
    "second_token": "",
    "other_token": "other_",
    "limited_token": "limited_",
    "bare_token": "bare_",
    "unsubscribed_token": "unsubscribed_",
    "pushing_token": "pushing_",
    "narrow_token": "narrow_",
}
"""Each token's name, and the prefix of the account and key that it is made with."""

_ALL = frozenset(Feature)
_PUSH = frozenset({Feature.CALL_PERSONALISATION})
_KEYS = {"limited_": _ALL - _PUSH, "pushing_": _PUSH}
"""Further keys of the first business, and what they give access to."""
_SUBSCRIPTIONS = {"bare_": _ALL, "unsubscribed_": _ALL - _PUSH, "narrow_": _PUSH}
"""Further businesses, and what they subscribe to."""


class Cast:
    """Who and what exists in one sample, with the clock it lives by."""

    def __init__(self, deps: Deps, sample: Json) -> None:
        given = sample.get("given", {})
        begins = datetime.fromisoformat(given.get("now", "2026-01-01T10:00:00Z"))
        self.clock = FakeClock(begins - BEFORE)
        self.handsets: dict[str, str] = given.get("handsets", {})
        self.named = placeholders(sample) | ({"label"} if "generation" in sample else set[str]())
        self.values = Values(to_ms(begins))
        within_s = SHORT_DEADLINE_S if "silent" in self.handsets.values() else ENOUGH_S
        settings = msgspec.structs.replace(deps.settings, bulk_deadline_s=within_s, real_time_deadline_s=within_s)
        self.deps = replace(deps, clock=self.clock, settings=settings)
        self._begins = begins
        self._attached: list[Attachment] = []

    async def enter(self) -> None:
        """Makes everybody whom the sample names, then moves the clock to where it begins."""
        await self._business("")
        await self._label("label", "", "Acme Deliveries")
        if "second_label" in self.named:
            await self._label("second_label", "", "Acme Returns")
        if "static_label" in self.named or needs_static_label(self.named):
            await self._label("static_label", "", "Acme Shops", LabelType.STATIC)
        for prefix, features in _KEYS.items():
            if self._names_one(prefix):
                await self._key(prefix, self.account(""), features)
                self.values.names[f"{prefix}account"] = self.values.names["account"]
        if self._names_one("other_", "foreign_"):
            await self._business("other_")
            await self._label("foreign_label", "other_", "Borealis Bank")
        for prefix, features in _SUBSCRIPTIONS.items():
            if self._names_one(prefix):
                await self._business(prefix)
                await accounts.update_account(self.deps, self.account(prefix), features=features, by=SYSTEM)
        self.values.names |= fresh_numbers(self.named)
        if self.named & PLANTED:
            await plant(self.deps, self.clock, self.values.names, self.named)
        self.clock.advance(self._begins - self.clock.now())
        await self._switch_on()

    def _names_one(self, *prefixes: str) -> bool:
        return any(name.startswith(prefixes) for name in self.named)

    async def leave(self) -> None:
        """Takes the handsets off the fabric."""
        for attachment in self._attached:
            await self.deps.fabric.detach(attachment)

    def account(self, prefix: str) -> AccountId:
        """The account that `{<prefix>account}` names."""
        return AccountId(UUID(self.values.names[f"{prefix}account"]))

    async def do(self, what: str) -> None:
        """Something done at the console."""
        if by_hand := BY_HAND.get(what):
            await by_hand(self.deps, self.values.names)
            return
        match what:
            case "delete_key":
                await credentials.delete_key(self.deps, self.account(""), self._key_id(), by=SYSTEM)
            case "regenerate_key":
                new = await credentials.regenerate_key(self.deps, self.account(""), self._key_id(), by=SYSTEM)
                self.values.names |= {"new_key_id": str(new.key_id), "new_api_key": str(new.api_key)}
            case "suspend_account":
                await accounts.update_account(self.deps, self.account(""), state=AccountState.SUSPENDED, by=SYSTEM)
            case "mark_second_label_default":
                label = LabelId(UUID(self.values.names["second_label"]))
                await labels.update_label(self.deps, self.account(""), label, LabelChange(make_default=True), by=OPS)
            case "somebody_asks_to_be_called_back":
                await self._ask_to_be_called_back()
            case "somebody_answers_a_survey":
                await self._answer_a_survey("")
            case "somebody_answers_a_survey_of_the_other_business":
                await self._answer_a_survey("other_")
            case _:
                raise LookupError(f"nothing can be done by the name of {what}")

    async def _ask_to_be_called_back(self) -> None:
        listed = await make_listed(self.deps, account_id=self.account(""))
        receiver, _ = await ring(self.deps, listed)
        await callbacks.request(self.deps, receiver, NewCallbackRequest(random_uuid(), listed.number))

    async def _answer_a_survey(self, prefix: str) -> None:
        listed = await make_listed(self.deps, account_id=self.account(prefix))
        survey = await feedback.create_campaign(
            self.deps,
            listed.account_id,
            feature_set_id=listed.feature_set_id,
            name="Delivery check",
            campaign_type=CampaignType.CALL_RATING,
            by=ALICE,
        )
        await feedback.make_live(self.deps, listed.account_id, survey.id, by=ALICE)
        self.values.names[f"{prefix}survey"] = str(survey.id)
        receiver, call_id = await ring(self.deps, listed, CallEvent.ANSWERED)
        answers = [QuestionAnswer(survey.questions[0].id, "5")]
        said = NewFeedback(call_id, listed.number, survey.id, CallType.ANSWERED, answers)
        await answer(self.deps, receiver, said)

    def _key_id(self) -> KeyId:
        return KeyId(UUID(self.values.names["key_id"]))

    async def _business(self, prefix: str) -> None:
        account = await accounts.create_account(self.deps, f"{prefix}business", by=SYSTEM)
        self.values.names[f"{prefix}account"] = str(account.id)
        await self._key(prefix, account.id, _ALL)

    async def _key(self, prefix: str, account_id: AccountId, features: frozenset[Feature]) -> None:
        key = await credentials.create_key(self.deps, account_id, name=f"{prefix}key", features=features, by=SYSTEM)
        self.values.names |= {f"{prefix}key_id": str(key.key_id), f"{prefix}api_key": str(key.api_key)}

    async def _label(self, name: str, prefix: str, shown: str, kind: LabelType = LabelType.DYNAMIC) -> None:
        label = await labels.create_label(
            self.deps,
            self.account(prefix),
            by=OPS,
            label_type=kind,
            name=shown,
            logo_png=_logo(),
            category=8,
            sub_category=53,
        )
        self.values.names[name] = str(label.id)
        self.clock.advance(timedelta(seconds=1))

    async def _switch_on(self) -> None:
        if not self.handsets:
            return
        _, credential = await handsets.create_app(self.deps, "Contract samples", by=SYSTEM)
        for number, kind in self.handsets.items():
            if kind != "unregistered":
                os = OS.IOS if kind == "ios" else OS.ANDROID
                version = "0.9.9" if kind == "old_app" else "1.0.0"
                await handsets.register(self.deps, credential, PhoneNumber(number), os, version)
            if kind in {"online", "silent"}:
                self._attached.append(
                    await self.deps.fabric.attach(number, in_task(self._answer if kind == "online" else _keep_still))
                )

    async def _answer(self, _: str, reply: str, __: bytes) -> None:
        if reply:
            self.deps.fabric.acknowledge(reply)


async def _keep_still(_: str, __: str, ___: bytes) -> None:
    """A handset that never acknowledges."""


def _logo() -> bytes:
    png = io.BytesIO()
    Image.new("RGB", (200, 200), "teal").save(png, "PNG")
    return png.getvalue()
