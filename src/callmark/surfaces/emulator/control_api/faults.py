"""Faults on demand: what the API answers instead of carrying requests out, in emulator mode only.

What is set is one row of PostgreSQL, and each request takes its fault out of it in one statement: so the count is
exact over all HTTP processes.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import asdict, replace
from starlette.requests import Request
from starlette.routing import BaseRoute

from callmark.domain.deps import Deps
from callmark.kit.errors import (
    AppError,
    Forbidden,
    InvalidInput,
    NotFound,
    PayloadTooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
)
from callmark.surfaces.api.log_downloads import nothing
from callmark.surfaces.api.route import ApiRoute, Family
from callmark.surfaces.emulator import state_queries
from callmark.surfaces.emulator.control_api import wire
from callmark.surfaces.emulator.control_api.routing import control_route
from callmark.surfaces.emulator.handsets import farm_api
from callmark.surfaces.emulator.state_queries import Faults
from callmark.surfaces.http import Response, render

RETRY_AFTER = timedelta(seconds=1)
_LARGEST_BODY_BYTES = 1 << 20
_FROM_THE_CONTRACT = ("/clients/", "/v2/", "/v3/")


def _too_many() -> AppError:
    return TooManyRequests(RETRY_AFTER)


_ERRORS: dict[str, Callable[[], AppError]] = {
    InvalidInput.slug: lambda: InvalidInput("request body is invalid"),
    Unauthenticated.slug: Unauthenticated,
    Forbidden.slug: Forbidden,
    NotFound.slug: NotFound,
    PayloadTooLarge.slug: lambda: PayloadTooLarge(_LARGEST_BODY_BYTES),
    UnsupportedMedia.slug: UnsupportedMedia,
    TooManyRequests.slug: _too_many,
    AppError.slug: lambda: AppError("internal error"),
    Unavailable.slug: lambda: Unavailable("emulator: a fault on demand"),
}
KNOWN = {slug: make().status for slug, make in _ERRORS.items()}
"""The errors that can be asked for: slug → status; each status has one slug."""


class FaultsOut(Struct, frozen=True):
    """What is left of the faults."""

    status: Annotated[int | None, Meta(description="The status that requests fail with; null when none is to fail.")]
    slug: wire.FaultSlug
    count: Annotated[int, Meta(description="How many requests are still to fail.")]
    latency_ms: wire.LatencyMs
    drop_every: wire.DropEvery

    @classmethod
    def of(cls, faults: Faults) -> "FaultsOut":
        """What the control API tells of `faults`."""
        slug = faults.slug if faults.count else None
        return cls(KNOWN[slug] if slug else None, **asdict(replace(faults, slug=slug)))


def fault_routes(deps: Deps) -> list[BaseRoute]:
    """Setting faults, looking at what is left of them, and clearing them."""

    async def get_faults(_: Request) -> Response:
        async with deps.db.connection() as tx:
            return render(FaultsOut.of(await state_queries.select_faults(tx)))

    async def put_faults(request: Request) -> Response:
        """Sets faults in place of those there are; answers when they are in force."""
        wanted = _wanted_faults(await wire.read(request, wire.FaultsIn))
        await _set_faults(deps, wanted)
        return render(FaultsOut.of(wanted))

    async def delete_faults(_: Request) -> Response:
        await _set_faults(deps, Faults())
        return Response(204, headers=[])

    return [control_route("faults", GET=get_faults, PUT=put_faults, DELETE=delete_faults)]


async def _set_faults(deps: Deps, wanted: Faults) -> None:
    async with deps.db.transaction() as tx:
        before = await state_queries.select_faults(tx)
        await state_queries.put_faults(tx, wanted)
    if {before.of_handsets, wanted.of_handsets} != {Faults()}:
        await farm_api.ask(deps, farm_api.TakeFaults(), farm_api.Done)


def _wanted_faults(body: wire.FaultsIn) -> Faults:
    """The faults that a body asks for. Raises InvalidInput."""
    slug = slug_of(body.status, body.slug)
    if slug is None and body.count:
        raise InvalidInput("count needs a status or a slug", field="count")
    count = (1 if body.count is None else body.count) if slug else 0
    named = asdict(body)
    del named["status"]  # the slug says it
    return replace(Faults(**named), slug=slug, count=count)


def slug_of(status: int | None, slug: str | None) -> str | None:
    """The error that status and slug name, each of which may be left out. Raises InvalidInput that lists them all."""
    if status is None and slug is None:
        return None
    for known_slug, known_status in KNOWN.items():
        if status in (None, known_status) and slug in (None, known_slug):
            return known_slug
    known = ", ".join(f"{known_status} {known_slug}" for known_slug, known_status in KNOWN.items())
    asked = " ".join(str(part) for part in (status, slug) if part is not None)
    raise InvalidInput(
        f"there is no error {asked}; the errors are: {known}", field="status" if slug is None else "slug"
    )


class Interceptor:
    """Runs before the routes of the contract: waits the latency that is set, then fails if a fault is left."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def __call__(self, route: ApiRoute) -> Response | None:
        """Gives or raises the error that this request is to be answered with, if any."""
        if not route.path.startswith(_FROM_THE_CONTRACT):
            return None
        async with self._deps.db.connection() as tx:
            latency_ms, slug = await state_queries.take_fault(tx)
        if latency_ms:
            await self._deps.real_clock.sleep(timedelta(milliseconds=latency_ms))
        return None if slug is None else _answer(slug, route)


def _answer(slug: str, route: ApiRoute) -> Response:
    """The answer that has a shape of its own. Raises the others, with the route's own text where it has one."""
    own = next((one for one in route.doc.errors if one.status == KNOWN[slug]), None) if route.doc else None
    if own and own.bare:
        return nothing(own.message)
    if own and slug == Unauthenticated.slug:
        raise Unauthenticated(own.message)
    if slug == InvalidInput.slug and route.family is Family.B:
        raise InvalidInput("Request body is invalid: malformed JSON")
    error = _ERRORS[slug]()
    raise error
