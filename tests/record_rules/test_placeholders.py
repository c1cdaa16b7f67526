"""What looks like a placeholder that was not filled in."""

import pytest

from callmark.record_rules.placeholders import placeholder_in


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Hi {{name}} your order is here", "{{name}}"),
        ("Your order {order} arrives today", "{order}"),
        ("Your order {} arrives today", "{}"),
        ("Hi ${first_name}, it is here", "${first_name}"),
        ("Dear {#var#} your order", "{#var#}"),
        ("Your order null arrives today", "null"),
        ("Your order NULL arrives today", "NULL"),
        ("undefined", "undefined"),
        ("Your order NaN arrives", "NaN"),
        ("[Company]", "[Company]"),
        ("Dear [First Name] your order [ID] comes", "[First Name]"),
        ("Hi <name>", "<name>"),
        ("Hi <<First name>>", "<<First name>>"),
        ("Hi %name%", "%name%"),
        ("Hi %s", "%s"),
        ("Hi *|FNAME|*", "*|FNAME|*"),
        ("[object Object]", "[object Object]"),
        ("Hi %(name)s", "%(name)s"),
        ("You have %d parcels", "%d"),
        ("Hi $NAME, it is here", "$NAME"),
        ("Hi <%= name %>", "<%= name %>"),
        ("Your order #N/A arrives", "#N/A"),
        ("Your order #REF! arrives", "#REF!"),
        ("Dear None, your order arrives", "Dear None"),
        ("None", "None"),
        ("N/A", "N/A"),
    ],
)
def test_a_part_that_was_not_filled_in_is_found(text: str, found: str) -> None:
    assert placeholder_in(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Your parcel arrives today",
        "Null Prozent Zinsen bis Mai",
        "None of your parcels is late",
        "Bestellung ab null Euro",
        "Temperaturen \u00fcber null Grad",
        "Cheaper by US$ 20, or $USD",
        "[Web발신] 택배가 도착합니다",
        "Parcel [2 of 3] arrives",
        "It takes <30 min, >90 % are early",
        "20% off and 30% more",
        "Nullify your old contract",
        "undefinedness",
        "Nan Ya Plastics",
        "«Маркет» звонит",
    ],
)
def test_a_text_that_is_meant_is_none(text: str) -> None:
    assert placeholder_in(text) == ""
