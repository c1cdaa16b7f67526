"""Who uses the platform: businesses with everything that they need, and handsets."""

import asyncio
import json
import uuid
from typing import Any

from msgspec import Struct, field

from chaos.api import Answer, Api, patiently
from chaos.checker.history import Webhook
from chaos.installation import Installation

FEATURES = ["call_personalisation", "number_management", "call_me_back", "user_feedback", "management"]
HANDSETS = 12
RAISED = {"token": 100, "real-time": 1000, "batch": 600, "management": 500, "extensions": 1000}
LOWERED = {"extensions": 5, "lint": 10}
EVENT_KINDS = ["cmb", "user_feedback"]


class Business(Struct):
    """A client account: its key, its token, and what was made for it."""

    api: Api
    account: str
    key_id: str
    api_key: str
    email: str
    password: str
    labels: dict[str, str]
    token: str = ""
    process: str = ""
    feature_sets: dict[str, str] = field(default_factory=dict[str, str])
    """Ids by name."""
    campaign: dict[str, Any] = field(default_factory=dict[str, Any])
    offers_on: str = ""
    """The listed number whose calls offer callbacks and feedback."""
    secrets: dict[str, str] = field(default_factory=dict[str, str])
    """All that ever opened something of it, and what that is."""
    _renewing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def path(self) -> str:
        """Of the wire-compatible routes."""
        return f"/clients/{self.account}"

    @property
    def extensions(self) -> str:
        """Of the extension routes."""
        return f"/extensions/v1/clients/{self.account}"

    async def ask(self, method: str, path: str, **options: Any) -> Answer:
        """With its token; with a new one when that has ended."""
        used = self.token
        answer = await self.api.ask(method, path, token=used, **options)
        if answer.status != 401:
            return answer
        await self.renew(used)
        return await self.api.ask(method, path, token=self.token, **options)

    async def renew(self, used: str) -> None:
        """A new token instead of `used`, once for all who find that it has ended."""
        async with self._renewing:
            if self.token == used:
                pair = {"key_id": self.key_id, "api_key": self.api_key}
                answer = await self.api.ask("POST", f"{self.path}/token", body=pair)
                if answer.is_taken:
                    self.token = answer.body["token"]
                    self.secrets[self.token] = "a token"

    async def made(self, path: str, body: object = None, method: str = "POST") -> Any:
        """What a request of the management API answers while everything works. Raises RuntimeError."""
        answer = await patiently(lambda: self.ask(method, f"{self.extensions}/{path}", body=body))
        if not answer.is_taken:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.body}")
        return answer.body


async def make_business(operator: str, api: Api, name: str, limits: dict[str, int]) -> Business:
    """A business with labels, a process and its own limits."""
    tag = uuid.uuid4().hex[:8]
    email = f"{name.lower()}-{tag}@acme.example"
    wanted = {
        "name": name,
        "keys": [{"name": "chaos", "features": FEATURES}],
        "labels": [{"name": f"{name} pushed", "type": "dynamic"}, {"name": f"{name} listed", "type": "static"}],
        "members": [{"email": email}],
    }
    answer = await patiently(lambda: api.ask("POST", "/emulator/v1/accounts", body=wanted))
    if not answer.is_taken:
        raise RuntimeError(f"no account: {answer.status} {answer.body}")
    made = answer.body
    business = Business(
        api,
        made["client_account_id"],
        made["keys"][0]["key_id"],
        made["keys"][0]["api_key"],
        email,
        made["members"][0]["password"],
        {label["type"]: label["id"] for label in made["labels"]},
    )
    business.secrets = {business.api_key: "an API key", business.password: "a password"}
    path = f"/extensions/v1/operator/accounts/{business.account}/limits"
    limited = await patiently(lambda: api.ask("PATCH", path, token=operator, body=limits))
    if not limited.is_taken:
        raise RuntimeError(f"no limits: {limited.status} {limited.body}")
    await business.renew("")
    department = await business.made("departments", {"name": "Chaos"})
    catalogue = await business.made("calling_operations", method="GET")
    chosen = {"calling_operation_id": catalogue["calling_operations"][0]["id"]}
    operation = await business.made(f"departments/{department['id']}/operations", chosen)
    business.process = (await business.made(f"operations/{operation['id']}/processes", {"name": "Calls"}))["id"]
    return business


async def give_offers(business: Business, number: str) -> None:
    """A listed number whose calls offer callbacks and feedback, and two feature sets for other numbers."""
    for name, offers in (("Offers", True), ("Numbers one", False), ("Numbers two", False)):
        wanted = {"process_id": business.process, "name": name, "label_id": business.labels["static"]}
        made = await business.made("feature_sets", {**wanted, "call_me_back": offers, "survey": offers})
        business.feature_sets[name] = made["id"]
        await business.made(f"feature_sets/{made['id']}/publish")
    offers_set = business.feature_sets["Offers"]
    await business.made(f"feature_sets/{offers_set}/callback_config", {"name": "Callbacks"}, "PATCH")
    question: dict[str, object] = {"text": "How was it?", "options": []}
    campaign = {"feature_set_id": offers_set, "name": "Survey", "campaign_type": "questions"}
    business.campaign = await business.made(
        "campaigns", {**campaign, "call_types": ["answered", "missed"], "questions": [question]}
    )
    await business.made(f"campaigns/{business.campaign['id']}/live")
    path = f"{business.path}/number_management/feature_sets/{offers_set}/numbers/publish"
    await patiently(lambda: business.ask("POST", path, body={"phone_numbers": [number]}))
    business.offers_on = number


async def make_webhooks(business: Business, url: str, names: list[str]) -> list[Webhook]:
    """One for each name; each is a path of the receiver."""
    for name in names:
        made = await business.made("webhooks", {"name": name, "url": f"{url}/{name}", "event_types": EVENT_KINDS})
        business.secrets[made["secret"]] = "the secret of a webhook"
    return [Webhook(account=business.account, name=name, kinds=EVENT_KINDS) for name in names]


class Credentials(Struct, frozen=True):
    """What only commands make."""

    operator: str
    handset_app: str


async def make_credentials(platform: Installation) -> Credentials:
    """An operator token and the credential of a handset app."""
    token, app = await asyncio.gather(
        asyncio.to_thread(platform.run, "operator", "token", "create", "--name", "chaos", "--json"),
        asyncio.to_thread(platform.run, "handset-app", "create", "--name", "chaos", "--json"),
    )
    return Credentials(json.loads(token)["token"], json.loads(app)["handset_app_key"])


async def register(credential: str, gateway: Api, first: int = 919_840_000_000) -> dict[str, str]:
    """The handsets' tokens by phone number."""
    tokens: dict[str, str] = {}
    for number in range(first, first + HANDSETS):
        wanted = {"phone_number": str(number), "os": "android", "app_version": "4.2.0"}
        answer = await patiently(
            lambda wanted=wanted: gateway.ask("POST", "/handset/v1/registrations", token=credential, body=wanted)
        )
        if not answer.is_taken:
            raise RuntimeError(f"no registration: {answer.status} {answer.body}")
        tokens[str(number)] = answer.body["token"]
    return tokens
