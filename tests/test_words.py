"""The check of words reads texts for people and nothing else: all of them, and for every form of a word."""

import re
from pathlib import Path

import pytest
from tools.check_words import ROOT, paths_of, read_rules, texts

SAMPLES = {
    "page.html": "<p>It is told</p>{% if told %}{{ told('shall') }}{% endif %}{# anew #}",
    "page.js": "// told\nconst told = 'x'; say(\"It shall\");",
    "page.md": "It is told.\n`told`\n```\nshall\n```\nIt shall.",
    "page.py": '"""Told. `shall`"""\nshall = told("It is told")  # so told `told`\n',
}


@pytest.mark.parametrize(
    ("name", "read", "skipped"),
    [
        ("page.html", ("It is told", "shall"), ("if told", "anew")),
        ("page.js", ("It shall",), ("told",)),
        ("page.md", ("It is told", "It shall"), ("`told`", "\nshall\n")),
        ("page.py", ("It is told", "Told.", "# so told"), ("shall", "`told`")),
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


FORMS = """
    come round, comes round; gift, gifts; go by, goes by, going by, went by; go on, goes on, going on, went on;
    hang, hangs; heed, heeds, heeded; is good for, are good for, stay good for, stays good for; knock, knocks, knocked;
    live by the, lives by the; mend, mends, mended, mending; put off, puts off, putting off; seldom, seldomer;
    speak for, speaks for; stand beside, stands beside; stranger, strangers; what become of, what becomes of
"""


def test_a_word_is_found_in_every_form() -> None:
    patterns = [re.compile(word) for word in read_rules()["words"]]
    forms = [form.strip() for form in re.split("[,;]", FORMS)]
    assert [form for form in forms if not any(pattern.fullmatch(form) for pattern in patterns)] == []


def test_what_is_allowed_occurs() -> None:
    for name, words in read_rules()["allowed"].items():
        text = "\n".join(text for _, text in texts(ROOT / name))
        assert [word for word in words if not re.search(rf"\b{word}\b", text, re.IGNORECASE)] == [], name


def test_every_module_template_and_page_is_read() -> None:
    wanted = ("*.md", "docs/**/*.md", "examples/**/*.md", "src/**/*.py", "src/**/templates/**/*.html")
    assert {path for pattern in wanted for path in ROOT.glob(pattern)} - paths_of(read_rules()) == set()


def test_a_space_follows_what_is_marked() -> None:
    marked = re.compile(r"\S*</(?:a|b|code|em|strong)>\w+")
    templates = ROOT.glob("src/**/templates/**/*.html")
    assert [found for path in templates for found in marked.findall(path.read_text())] == []
