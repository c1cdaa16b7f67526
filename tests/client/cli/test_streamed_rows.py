"""JSON of any number of rows: the text of a list, without one in memory."""

from collections.abc import Iterator

import pytest

from callmark.terminal import Output, Row

ROWS: list[Row] = [{"name": "Kiran\n\u0915\u093f\u0930\u0923", "reasons": ["delivery", "refund"]}, {}, {"name": None}]


@pytest.mark.parametrize("count", range(len(ROWS) + 1))
def test_the_text_is_that_of_a_list(count: int, capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=True)
    output.rows(ROWS[:count], (), empty="")
    listed = capsys.readouterr().out
    output.stream(iter(ROWS[:count]))
    assert capsys.readouterr().out == listed


def test_a_row_is_written_before_the_next_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[bool] = []

    def rows() -> Iterator[Row]:
        for number in range(3):
            yield {"row": number}
            seen.append(f'"row": {number}' in capsys.readouterr().out)

    Output(as_json=True).stream(rows())
    assert seen == [True, True, True]
