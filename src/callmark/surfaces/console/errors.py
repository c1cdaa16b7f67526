"""Errors as pages, in the layout when someone is signed in."""

from html import escape
from http import HTTPStatus
from typing import ClassVar

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from callmark.kit.errors import AppError, InvalidInput, PayloadTooLarge, TooManyRequests, Unavailable
from callmark.surfaces.console import display_names
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import HOME, ConsoleRequest, Gone, page_after, page_of as address_of_page
from callmark.surfaces.observed import route_of

log = structlog.get_logger(__name__)

NOT_ACTING = "You are signed in as an operator. Choose an account and act for it first."
_TITLES = {
    400: "Invalid request",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Not possible",
    413: "Too large",
    415: "Unsupported content",
    429: "Too many attempts",
    503: "Temporarily unavailable",
}
_TEXTS = {
    404: "This page does not exist, or you do not have access to it.",
    500: "Something went wrong on our side. Please try again.",
}


class ErrorPage(Page, frozen=True):
    """What happened, and the way back; `home` is empty for who may only sign out.

    `opener` is the page with a link that cannot be followed now, which opens with what is right by now; `after` and its
    name are of the page that follows, where what this one was about is used up.
    """

    template: ClassVar[str] = "error.html"
    status: int
    title: str
    text: str
    home: str
    opener: str
    after: str = ""
    after_name: str = ""


_BARE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head><body>'
    '<h1>{title}</h1><p>{text}</p><p><a href="' + HOME + '">Go to home page</a></p></body></html>'
)


def page_of(request: ConsoleRequest, error: AppError | HTTPException) -> Response:
    """The page of an error; a bare one where even that page cannot be made."""
    try:
        answer = _page_of(request, error)
    except Exception:
        log.exception("error_page_failed", route=route_of(request.http.scope), request_id=request.request_id)
        status = _status_of(error)
        bare = _BARE.format(title=_title_of(status), text=escape(_text_of(request, error, status)))
        answer = HTMLResponse(bare, status)
    if isinstance(error, Unavailable):
        answer.headers["Retry-After"] = "1"
    return answer


def _noted(request: ConsoleRequest) -> str:
    return f"{_TEXTS[500]} Request {request.request_id}." if request.request_id else _TEXTS[500]


def _page_of(request: ConsoleRequest, error: AppError | HTTPException) -> Response:
    status = _status_of(error)
    if isinstance(error, Gone):
        said = display_names.sentence(error.message)
        return page(
            request, ErrorPage(status, "No longer there", said, HOME, "", error.after, error.after_name), status
        )
    text = _text_of(request, error, status)
    home = "" if request.is_suspended else HOME
    opener = _opener(request) if status == HTTPStatus.CONFLICT else ""
    return page(request, ErrorPage(status, _title_of(status), text, home, opener), status)


def _status_of(error: AppError | HTTPException) -> int:
    return error.status_code if isinstance(error, HTTPException) else error.status


def _title_of(status: int) -> str:
    return _TITLES.get(status, "Something went wrong")


def _text_of(request: ConsoleRequest, error: AppError | HTTPException, status: int) -> str:
    text = error.message if isinstance(error, AppError) else error.detail
    if isinstance(error, InvalidInput):
        text = error.for_people
    if isinstance(error, TooManyRequests):
        text = retry_text(error)
    if isinstance(error, PayloadTooLarge):
        largest = display_names.size(error.limit_bytes)
        text = f"Your input is larger than {largest}. Nothing was saved. Go back and shorten it."
    text = _TEXTS.get(status, text)  # of what is not found always the same: a foreign thing is like one that is not
    text = _noted(request) if status == HTTPStatus.INTERNAL_SERVER_ERROR else text
    return text[:1].upper() + text[1:]


def _opener(request: ConsoleRequest) -> str:
    """The page whose link or button was followed; empty where there is none.

    Handlers of forms that are filled in show what is refused in the form.
    """
    known = page_after(address_of_page(request.http.headers.get("referer", "")))
    return known if known not in {HOME, request.address} else ""


def retry_text(error: TooManyRequests, why: str = "Too many attempts.") -> str:
    """Why not now, and when to try again."""
    minutes = max(-(-error.retry_after.total_seconds() // 60), 1)
    return f"{why} Try again in {minutes:.0f} minute{'s' if minutes > 1 else ''}."
