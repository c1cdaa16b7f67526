"""The library beside an emulator that is reset: what it counted of its tokens does not outlive the reset."""

from pathlib import Path

import msgspec
import pytest
from tests.client.conftest import options_of
from tests.support.factories import make_cast
from tests.surfaces.emulator.running import emulated

import callmark
from callmark.client.token_stores import MemoryTokenStore, TokenState
from callmark.domain.deps import Deps
from callmark.domain.limits.model import TOKENS_QUOTA
from callmark.processes.worker import prepare


class CountingStore(MemoryTokenStore):
    """Keeps what is counted and loses each token, as when another takes its place."""

    def load(self, name: str) -> TokenState:
        return msgspec.structs.replace(super().load(name), token="")


async def test_a_reset_begins_the_count_of_tokens_anew_for_clients_too(deps: Deps, tmp_path: Path) -> None:
    await prepare(deps)
    async with emulated(deps, tmp_path) as emulator:
        options = options_of(emulator, await make_cast(emulator.deps))
        store = CountingStore()

        async def list_labels() -> None:
            async with callmark.AsyncClient(**options, token_store=store, max_retries=0) as client:
                assert [label.name async for label in client.labels.list()]

        for _ in range(TOKENS_QUOTA - 1):  # the cast has made one
            await list_labels()
        with pytest.raises(callmark.RateLimited) as refused:
            await list_labels()
        assert refused.value.retry_after
        assert (await emulator.http.post("/emulator/v1/reset")).status_code == 200
        await list_labels()
