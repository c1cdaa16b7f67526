"""The pages of a process are those of the version that it runs."""

from pathlib import Path

from jinja2 import FileSystemLoader

from callmark.surfaces.console import pages
from callmark.surfaces.reference import app as reference
from callmark.surfaces.templates import SourcesOfStart, templates_of


def test_a_file_that_an_upgrade_replaces_is_for_the_next_process(tmp_path: Path) -> None:
    sources = {"page.html": "old page with {% include 'part.html' %}", "part.html": "{{ name }}"}
    for name, text in sources.items():
        (tmp_path / name).write_text(text)
    there = templates_of(FileSystemLoader(tmp_path))
    for name in sources:
        (tmp_path / name).write_text("new {{ what_the_old_code_does_not_give }}")
    assert there.get_template("page.html").render(name="Alice") == "old page with Alice"
    assert there.get_template("page.html").filename == str(tmp_path / "page.html")  # as traces name it
    there.auto_reload = True
    (tmp_path / "other.html").write_text("as it is now")
    assert there.get_template("other.html").render() == "as it is now"


def test_every_page_that_production_serves_is_one_of_these() -> None:
    assert isinstance(pages.env.loader, SourcesOfStart)
    assert isinstance(reference.templates.loader, SourcesOfStart)
    assert "layout.html" in pages.env.list_templates()
