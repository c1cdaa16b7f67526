"""The recorded tables of records, pushed by the library: its results and errors say what the tables say."""

import json
from pathlib import Path

import httpx
import pytest
from tests.contract.cast import Cast
from tests.contract.templates import GENERATIONS, Json, changed

import callmark
from callmark.client.options import Generation
from callmark.client.records import LIBRARY_NAMES
from callmark.domain.deps import Deps
from callmark.surfaces.app import build_app

pytestmark = pytest.mark.usefixtures("unhurried_pushes")

HERE = Path(__file__).parents[1] / "contract"
TABLES = {
    f"{path.parent.name}/{path.stem}": table
    for path in sorted(HERE.glob("*/*.json"))
    if "cases" in (table := json.loads(path.read_text()))
}
PUSHED = sorted({table["generation"] for table in TABLES.values()})

NUMBERS = {"caller", "receiver"}


@pytest.mark.parametrize("generation", PUSHED)
async def test_every_record_of_a_table_fares_as_recorded(
    deps: Deps, subtests: pytest.Subtests, generation: str
) -> None:
    """One installation plays the tables of a generation after each other: each has a business of its own.

    All records of a table are pushed as one batch. On its own is pushed one for each answer and type of what is wrong:
    the library tells no more apart. The server's side of all of them: `tests/contract/test_samples.py`.
    """
    heard: set[str] = set()
    for name, table in TABLES.items():
        if table["generation"] == generation:
            with subtests.test(table=name):
                await _push(deps, table, heard)


async def _push(deps: Deps, table: Json, heard: set[str]) -> None:
    cast = Cast(deps, {"given": {"handsets": {"919900000001": "online"}}} | table)
    try:
        await cast.enter()
        transport = httpx.ASGITransport(build_app(cast.deps, frozenset({"api"})))
        async with httpx.AsyncClient(transport=transport) as http:
            await _play(client_of(cast, http, table), cast, table, heard)
    finally:
        await cast.leave()


def client_of(cast: Cast, http: httpx.AsyncClient, table: Json) -> callmark.AsyncClient:
    """A client of the sample's business."""
    names = cast.values.names
    generation: Generation = {"v1": 1, "v2": 2, "v3": 3}[table["generation"]]  # pyright: ignore[reportAssignmentType] - one of three
    return callmark.AsyncClient(
        base_url="http://callmark.test",
        account_id=names["account"],
        key_id=names["key_id"],
        api_key=names["api_key"],
        http_client=http,
        generation=generation,
        max_retries=0,
    )


async def _play(client: callmark.AsyncClient, cast: Cast, table: Json, heard: set[str]) -> None:
    good = GENERATIONS[table["generation"]]["record"]
    sent: list[Json] = [cast.values.fill(changed(good, case["change"])) for case in table["cases"]]
    known = [{key: value for key, value in record.items() if key in good} for record in sent]
    for case, record in zip(table["cases"], known, strict=True):
        if (kind := _kind(case)) in heard:
            continue
        heard.add(kind)
        try:
            pushed = await client.push(**_arguments(record))
            verdict = (pushed.status, pushed.message if pushed.status == "error" else "", None)
        except callmark.InvalidRecord as exc:
            verdict = ("invalid", exc.message, exc.field)
        assert _fits(case, verdict, record), f"{case['name']}: {verdict}"
    found = [one async for one in client.push_many(known, wait=False)]
    assert {one.status for one in found} <= {"pending", "invalid"}


def _kind(case: Json) -> str:
    """The answer, and the type of each value that is wrong."""
    types = {name: type(value).__name__ for name, value in sorted(case["change"].items())}
    return f"{case.get('fault')} {case.get('field')} {case.get('outcome')} {types}"


def _arguments(sent: Json) -> Json:
    named = {LIBRARY_NAMES.get(name, name): value for name, value in sent.items()}
    return {"caller": "", "receiver": ""} | named


def _fits(case: Json, verdict: tuple[str, str, str | None], sent: Json) -> bool:
    """Whether it is what the table says. What the library fills in or takes off itself cannot be at fault."""
    status, message, field = verdict
    if "fault" not in case:
        return (status, message) == (("success", "") if "outcome" not in case else ("error", case["outcome"]))
    at_fault = case.get("field") or case["fault"].partition(" ")[0]
    ours = LIBRARY_NAMES.get(at_fault, at_fault)
    if (ours == "starts_at" and sent.get("starts_at") is None) or (ours in NUMBERS and _digits(sent.get(at_fault))):
        return True  # so the record is another one
    return status == "invalid" and field == ours and bool(message)


def _digits(number: object) -> bool:
    return isinstance(number, str) and number.removeprefix("+").isascii() and number.removeprefix("+").isdigit()
