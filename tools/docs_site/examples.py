"""The pages of examples/: each README with the programs of its folder below it."""

from pathlib import Path

from tools.sources import ROOT

_LANGUAGES = {".py": "python", ".csv": "csv", ".toml": "toml", ".yml": "yaml"}


def pages() -> dict[str, str]:
    """Markdown by path in the project."""
    readmes = sorted((ROOT / "examples").glob("**/README.md"))
    return {path.relative_to(ROOT).as_posix(): _page(path) for path in readmes}


def _page(readme: Path) -> str:
    folder = readme.parent
    depth = "*" if (folder / "dialer").exists() else "**/*"
    programs = [path for path in sorted(folder.glob(depth)) if path.suffix in _LANGUAGES and path.read_text().strip()]
    blocks = [f"\n## {name_of(path)}\n\n```{_LANGUAGES[path.suffix]}\n{path.read_text()}```\n" for path in programs]
    return readme.read_text() + "".join(blocks)


def name_of(path: Path) -> str:
    """What a program is called on the page of its folder."""
    top = path.parent
    while not (top / "README.md").exists():
        top = top.parent
    return path.relative_to(top).as_posix()
