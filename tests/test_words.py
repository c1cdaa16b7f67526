"""The check of words reads texts for people and nothing else."""

from pathlib import Path

import pytest
from tools.check_words import texts

SAMPLES = {
    "page.html": "<p>It is told</p>{% if told %}{{ told('shall') }}{% endif %}{# anew #}",
    "page.js": "// told\nconst told = 'x'; say(\"It shall\");",
    "page.md": "It is told.\n`told`\n```\nshall\n```\nIt shall.",
    "page.py": '"""Told. `shall`"""\nshall = told("It is told")\n',
}


@pytest.mark.parametrize(
    ("name", "read", "skipped"),
    [
        ("page.html", ("It is told", "shall"), ("if told", "anew")),
        ("page.js", ("It shall",), ("told",)),
        ("page.md", ("It is told", "It shall"), ("`told`", "\nshall\n")),
        ("page.py", ("It is told", "Told."), ("shall",)),
    ],
)
def test_only_texts_for_people_are_read(
    tmp_path: Path, name: str, read: tuple[str, ...], skipped: tuple[str, ...]
) -> None:
    path = tmp_path / name
    path.write_text(SAMPLES[name])
    found = "\n".join(text for _, text in texts(path))
    assert all(words in found for words in read)
    assert not any(words in found for words in skipped)
