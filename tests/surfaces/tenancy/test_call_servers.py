"""The routes of the role `stir`, and those that ask for nothing: which credential opens what, and what edges learn."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from starlette.routing import Route
from tests.support.factories import make_cast, phone
from tests.surfaces.stir.staging import Network, headers_of, make_edge, network
from tests.surfaces.tenancy.watching import state_of
from tests.surfaces.tenancy.worlds import every_credential

from callmark.domain.deps import Deps
from callmark.domain.log_downloads.service import Downloads
from callmark.surfaces import assets, downloads, logos
from callmark.surfaces.stir.app import StirRoutes

FOR_EDGES = {"/stir/v1/signing", "/stir/v1/verification", "/stir/v1/calls"}
FOR_EVERYBODY = {
    "/stir/v1/certs/{serial}.pem": "certificates are public: verifiers anywhere fetch them",
    "/brand/{name}.png": "named by their content, in calls that anybody receives",
    "/logos/{name}.png": "named by their content",
    "/downloads/{token}": "signed links that expire: tests/surfaces/api/test_log_downloads.py",
    "/static/{path:path}": "styles and scripts",
}


@pytest.fixture
async def there(deps: Deps) -> AsyncGenerator[Network]:
    async with network(deps) as made:
        yield made


def bodies(there: Network, caller: str, receiver: str) -> dict[str, dict[str, Any]]:
    """A question about a call, for each route of edges."""
    numbers = {"from": {"tn": caller}, "to": {"tn": [receiver]}, "time": 0}
    return {
        "/stir/v1/signing": {"signingRequest": there.signing(receiver, caller)["signingRequest"]},
        "/stir/v1/verification": {"verificationRequest": {"identityHeaders": [], **numbers}},
        "/stir/v1/calls": {"call_id": "of-this-call", "orig": caller, "dest": receiver, "outcome": "answered"},
    }


async def test_only_edges_open_the_routes_of_edges(there: Network) -> None:
    credentials = await every_credential(there.deps)
    before = await state_of(there.deps, but=())
    for path, body in bodies(there, there.caller, phone()).items():
        refused: set[bytes] = set()
        for name, token in credentials.items():
            if not name.endswith("edge"):
                answer = await there.client.post(path, json=body, headers={"Authorization": f"Bearer {token}"})
                assert answer.status_code == 401, (path, name)
                assert answer.headers["www-authenticate"] == 'Bearer realm="callmark"'
                refused.add(answer.content)
        assert len(refused) == 1, path
    assert await state_of(there.deps, but=()) == before


async def test_an_accounts_edge_learns_nothing_of_another_accounts_calls(there: Network) -> None:
    edge = {"Authorization": f"Bearer {await make_edge(there.deps, (await make_cast(there.deps)).account.id)}"}
    receiver, other = phone(), phone()
    await there.announce(receiver)
    await there.verify(headers_of(await there.sign(receiver)), receiver)
    told: dict[str, list[tuple[int, str]]] = {}
    for caller, called in ((there.caller, receiver), (there.caller, other)):
        for path, body in bodies(there, caller, called).items():
            answer = await there.client.post(path, json=body, headers=edge)
            text = answer.text.replace(caller, "CALLER").replace(called, "CALLED")
            told.setdefault(path, []).append((answer.status_code, text))
    assert {path: len(set(answers)) for path, answers in told.items()} == dict.fromkeys(FOR_EDGES, 1)


async def test_every_route_is_classified(deps: Deps) -> None:
    routes = [
        *StirRoutes(deps).routes,
        *logos.routes(deps),
        *downloads.routes(Downloads(deps)),
        *assets.routes(),
    ]
    found = {route.path for route in routes if isinstance(route, Route)}
    assert found == FOR_EDGES | FOR_EVERYBODY.keys()
