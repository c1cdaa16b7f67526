"""A member at the console, as a browser without scripts: opens a page, and sends its form."""

import re
from time import monotonic

import httpx

from chaos.api import TIMEOUT_S, Answer, Api
from chaos.people import Business

SEE_OTHER = 303
SIGN_IN, NEW_REASON = "/console/sign-in", "/console/call-reasons/new"
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


class ConsoleMember:
    """Keeps a session for each business."""

    def __init__(self, api: Api) -> None:
        self._url = api.url
        self._browsers: dict[str, httpx.AsyncClient] = {}
        self._left: list[httpx.AsyncClient] = []

    async def add_call_reason(self, business: Business, text: str) -> Answer:
        """Taken when the page says so, which it does by sending the browser back to its list."""
        sent = monotonic()
        try:
            browser = self._browsers.get(business.account) or await self._signed_in(business)
            got = await _sent(browser, NEW_REASON, {"call_reason": text})
        except httpx.HTTPError:
            return Answer(0, sent, monotonic())
        if got.status_code == SEE_OTHER and not got.headers["location"].startswith(SIGN_IN):
            return Answer(200, sent, monotonic())
        self._browsers.pop(business.account, None)
        self._left.append(browser)  # another form may be on its way in it
        return Answer(401 if got.status_code == SEE_OTHER else got.status_code, sent, monotonic())

    async def close(self) -> None:
        """Closes every browser."""
        for browser in (*self._browsers.values(), *self._left):
            await browser.aclose()

    async def _signed_in(self, business: Business) -> httpx.AsyncClient:
        headers = {"Origin": self._url}  # as browsers send it with a form; the console takes none without it
        browser = httpx.AsyncClient(base_url=self._url, timeout=TIMEOUT_S, trust_env=False, headers=headers)
        try:
            got = await _sent(browser, SIGN_IN, {"email": business.email, "password": business.password})
            if got.status_code != SEE_OTHER or got.headers["location"].startswith(SIGN_IN):
                raise httpx.RequestError(f"not signed in: {got.status_code}")
        except httpx.HTTPError:
            await browser.aclose()
            raise
        self._browsers[business.account] = browser
        return browser


async def _sent(browser: httpx.AsyncClient, path: str, form: dict[str, str]) -> httpx.Response:
    """What the form of a page is answered. Raises httpx.HTTPError, also when the page has no form."""
    page = await browser.get(path)
    found = _CSRF.search(page.text)
    if found is None:
        raise httpx.RequestError(f"{path} has no form: {page.status_code}")
    return await browser.post(path, data={"csrf": found[1], **form})
