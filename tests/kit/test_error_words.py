"""What is wrong, in the words of people and not of programs."""

import pytest

from callmark.kit.errors import InvalidInput


@pytest.mark.parametrize(
    ("message", "field", "said"),
    [
        ("url must be a complete address", "url", "URL must be a complete address"),
        ("time_zone is not a time zone name", "time_zone", "time zone is not a time zone name"),
        ("label_id does not belong to a static label", "label_id", "label does not belong to a static label"),
        ("urls are many", "url", "urls are many"),
        ("choose a role", "role", "choose a role"),
        ("a webhook named 'my_hook' already exists", "name", "a webhook named 'my_hook' already exists"),
        ("request body is invalid", "", "request body is invalid"),
    ],
)
def test_a_fields_code_name_is_read_as_a_word(message: str, field: str, said: str) -> None:
    assert InvalidInput(message, field=field).for_people == said
    assert InvalidInput(message, field=field).message == message
