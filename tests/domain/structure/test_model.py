"""The pure rules of structure: the catalogue and names."""

import pytest

from callmark.domain.structure.catalogue import CATALOGUE, catalogue_entry, catalogue_entry_named, operation_name
from callmark.domain.structure.model import node_name
from callmark.kit.errors import InvalidInput


def test_the_catalogue_is_in_order_and_each_entry_has_its_id_and_name_alone() -> None:
    names = [entry.name for entry in CATALOGUE]
    assert names == sorted(names)
    assert len({entry.id for entry in CATALOGUE}) == len({name.casefold() for name in names}) == len(CATALOGUE) >= 25
    for entry in CATALOGUE:
        assert catalogue_entry(entry.id) == catalogue_entry_named(f" {entry.name.upper()} ") == entry
        assert operation_name(entry.id) == entry.name


def test_the_ids_of_the_catalogue_are_for_ever() -> None:
    assert str(catalogue_entry_named("Delivery").id) == "ca110000-0000-4000-8000-000000000008"
    assert str(catalogue_entry_named("Sales").id) == "ca110000-0000-4000-8000-000000000026"


def test_what_is_not_in_the_catalogue_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'Smuggling'"):
        catalogue_entry_named("Smuggling")


def test_names_are_trimmed_and_bounded() -> None:
    assert node_name("  Retail ", "department") == "Retail"
    assert node_name("x" * 100, "department") == "x" * 100
    with pytest.raises(InvalidInput, match="department name is required"):
        node_name("  ", "department")
    with pytest.raises(InvalidInput, match="process name must be at most 100 characters"):
        node_name("x" * 101, "process")
