"""Clients as Python has objects: subclassed, mocked, copied, and imported by any way."""

import asyncio
import copy
import pickle
import sys
from functools import cached_property
from operator import attrgetter
from typing import Any
from unittest import mock

import pytest

import callmark
import callmark.testing

RESOURCES = ("records", "batches", "calls", "labels", "numbers", "feature_sets", "logs", "events")
GIVEN: dict[str, Any] = {"base_url": "https://a.example", "account_id": "acc", "key_id": "key", "api_key": "secret"}


class OfTenant(callmark.Client):
    def __init__(self, tenant: str) -> None:
        super().__init__(**GIVEN)
        self.tenant = tenant

    @cached_property
    def shown(self) -> str:
        return repr(self)


class OfTenantAsync(callmark.AsyncClient):
    def __init__(self, tenant: str) -> None:
        super().__init__(**GIVEN)
        self.tenant = tenant

    @cached_property
    def shown(self) -> str:
        return repr(self)


@pytest.mark.parametrize("kind", [OfTenant, OfTenantAsync])
def test_a_changed_copy_has_what_a_class_of_ones_own_has_added_and_its_own_options(
    kind: type[OfTenant | OfTenantAsync],
) -> None:
    original: Any = kind("acme")
    before, shown = original.labels, original.shown
    changed = original.with_options(account_id="other", generation=3)
    assert (type(changed), changed.tenant) == (kind, "acme")
    assert changed.labels is changed.labels is not before is original.labels
    assert changed.shown == shown.replace("generation=2", "generation=3")  # not what was made of the original
    asyncio.run(original.close()) if kind is OfTenantAsync else original.close()


def test_a_client_may_be_changed_while_another_thread_first_uses_a_resource() -> None:
    class Switch:
        """Stands for the other thread: it runs in the middle of `with_options`, when this attribute is looked at."""

        def __getattribute__(self, name: str) -> Any:
            assert client.numbers
            return object.__getattribute__(self, name)

    class Ours(callmark.Client):
        mine: Any = Switch()

    client = Ours(**GIVEN)
    client.mine = "ours"
    assert client.with_options(timeout=5).mine == "ours"


@pytest.mark.parametrize("kind", [callmark.Client, callmark.AsyncClient])
def test_a_mock_of_the_class_has_the_resources_and_their_methods(kind: type[Any]) -> None:
    mocked = mock.create_autospec(kind, instance=True)
    for name in RESOURCES:
        methods = [one for one in dir(getattr(kind, name)) if not one.startswith("_")]
        assert methods
        for method in methods:
            assert callable(getattr(getattr(mocked, name), method))
        with pytest.raises(AttributeError):
            getattr(mocked, name).misspelt()
    mocked.batches.create.return_value = "made"
    created = mocked.batches.create([])
    assert (asyncio.run(created) if kind is callmark.AsyncClient else created) == "made"
    with pytest.raises(TypeError, match="records"):
        mocked.batches.create()


def test_what_replaces_a_resource_of_a_class_counts_for_its_clients() -> None:
    with mock.patch.object(callmark.Client, "labels") as replaced, callmark.Client(**GIVEN) as client:
        assert client.labels is replaced
    assert "Labels" in repr(callmark.Client(**GIVEN).labels)


@pytest.mark.parametrize("kind", [callmark.Client, callmark.AsyncClient])
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_client_is_not_copied_into_another_process(kind: type[Any], copied: Any) -> None:
    client = kind(**GIVEN)
    with pytest.raises(TypeError, match="create a client in each process"):
        copied(client)
    asyncio.run(client.close()) if kind is callmark.AsyncClient else client.close()


@pytest.mark.parametrize("kind", [callmark.Client, callmark.AsyncClient])
@pytest.mark.parametrize("copied", [copy.deepcopy, pickle.dumps])
def test_nor_is_what_asks_the_server_with_it(kind: type[Any], copied: Any) -> None:
    client = kind(**GIVEN)
    for one in (client.labels, client.events.list(after=17)):
        with pytest.raises(TypeError, match="create a client in each process"):
            copied(one)


def test_a_star_imports_every_name() -> None:
    for module in (callmark, callmark.testing):
        names: dict[str, object] = {}
        exec(f"from {module.__name__} import *", names)
        assert set(names) - {"__builtins__"} == set(attrgetter("__all__")(module))
        assert "CallMeBackEvent" in names or "mock_router" in names


def test_webhooks_is_the_module_that_a_test_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    from callmark import webhooks

    assert webhooks is callmark.webhooks is sys.modules["callmark.webhooks"]
    patched = mock.Mock()
    monkeypatch.setattr("callmark.webhooks.unwrap", patched)
    assert webhooks.unwrap is patched
