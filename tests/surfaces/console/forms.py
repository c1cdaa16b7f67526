"""Forms of something stored: what a page says that it shows, and what a browser would send of it."""

import json
import re
from html import unescape
from html.parser import HTMLParser

import httpx

Shown = dict[str, str | list[str]]
_SHOWN = re.compile(r'name="shown" value="([^"]*)"')


def shown_by(page: httpx.Response) -> Shown:
    """What a page says that its form shows, lists in order."""
    (text,) = _SHOWN.findall(page.text)
    read: Shown = json.loads(unescape(text))
    return {name: sorted(value) if isinstance(value, list) else value for name, value in read.items()}


def sent_by(page: httpx.Response, action: str) -> dict[str, list[str]]:
    """What the form of that address would send if nothing were changed in it, without its token."""
    form = _Form(action)
    form.feed(page.text)
    return {name: values for name, values in form.sent.items() if name != "csrf"}


class _Form(HTMLParser):
    """Collects the fields of one form as a browser does. A select of no chosen option sends its first."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.sent: dict[str, list[str]] = {}
        self._action, self._is_in = action, False
        self._select, self._first, self._area = "", True, ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        name, value = has.get("name") or "", has.get("value") or ""
        if tag == "form":
            self._is_in = has.get("action") == self._action
        elif self._is_in and tag == "input" and name:
            if has.get("type") not in {"checkbox", "radio", "file"} or "checked" in has:
                self.sent.setdefault(name, []).append(value)
        elif self._is_in and tag == "select":
            self._select, self._first = name, True
        elif self._is_in and tag == "option" and (self._first or "selected" in has):
            self.sent[self._select], self._first = [value], False
        elif self._is_in and tag == "textarea":
            self._area = name
            self.sent.setdefault(name, []).append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_in = False
        elif tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.sent[self._area][-1] += data.replace("\n", "\r\n")
