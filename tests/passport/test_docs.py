"""The programs of docs/passport.md run as they are printed, and the page names every reason."""

import contextlib
import io
import re
from pathlib import Path

from callmark import passport

PAGE = (Path(__file__).parents[2] / "docs/passport.md").read_text()
PROGRAMS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_programs_of_the_page() -> None:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec("\n".join(PROGRAMS), {"__name__": "guide"})
    first, second, third = out.getvalue().splitlines()
    assert first.startswith("Identity: eyJ")
    assert second == "Acme Bank - Your card order - icon is trusted: True"
    assert third.startswith("<https://brand.example/acme-64x64.png>;purpose=icon;call-reason=")


def test_the_page_names_every_reason() -> None:
    for reason in passport.Reason:
        assert f"| `Reason.{reason.name}` | {reason.code} {reason.phrase} |" in PAGE


def test_what_the_page_names_is_there() -> None:
    table = PAGE[PAGE.index("| Standard") : PAGE.index("The library does no I/O")]
    named = set(re.findall(r"`([A-Za-z_]+)(?:\.[a-z_]+)?`", table)) - {"Identity", "shaken", "rcd", "Call"}
    assert named <= set(passport.__all__)
