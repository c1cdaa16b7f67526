"""Workbooks for tests."""

import io
from typing import Any

import openpyxl


def book(rows: list[list[object]], **others: list[list[object]]) -> bytes:
    """A workbook with a sheet `Sheet`, and the others."""
    made: Any = openpyxl.Workbook()
    made.active.title = "Sheet"
    for row in rows:
        made.active.append(row)
    for name, more in others.items():
        sheet: Any = made.create_sheet(name)
        for row in more:
            sheet.append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()
