"""A member at the console, as a browser without scripts: signs in, and sends a form."""

from time import monotonic

import httpx

from chaos.api import TIMEOUT_S, Answer, Api
from chaos.people import Business

SEE_OTHER = 303
SIGN_IN = "/console/sign-in"


class ConsoleMember:
    """Keeps a session for each business."""

    def __init__(self, api: Api) -> None:
        self._url = api.url
        self._browsers: dict[str, httpx.AsyncClient] = {}

    async def add_call_reason(self, business: Business, text: str) -> Answer:
        """Taken when the page says so, which it does by sending the browser back to its list."""
        sent = monotonic()
        try:
            browser = self._browsers.get(business.account) or await self._signed_in(business)
            got = await browser.post("/console/call-reasons/new", data={"call_reason": text})
        except httpx.HTTPError:
            return Answer(0, sent, monotonic())
        if got.status_code != SEE_OTHER:
            return Answer(got.status_code, sent, monotonic())
        if SIGN_IN in got.headers["location"]:
            await self._browsers.pop(business.account).aclose()
            return Answer(401, sent, monotonic())
        return Answer(200, sent, monotonic())

    async def close(self) -> None:
        """Closes every browser."""
        for browser in self._browsers.values():
            await browser.aclose()

    async def _signed_in(self, business: Business) -> httpx.AsyncClient:
        browser = httpx.AsyncClient(base_url=self._url, timeout=TIMEOUT_S, trust_env=False)
        try:
            form = {"email": business.email, "password": business.password}
            got = await browser.post(SIGN_IN, data=form)
            if got.status_code != SEE_OTHER:
                raise httpx.RequestError(f"not signed in: {got.status_code}")
        except httpx.HTTPError:
            await browser.aclose()
            raise
        self._browsers[business.account] = browser
        return browser
