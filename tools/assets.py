"""Copies the browser assets we serve from node_modules into the package, each with what states its licence."""

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "src/callmark/surfaces/static/vendor"
FILES = {
    "@tabler/core": ["dist/css/tabler.min.css", "package.json"],
    "htmx.org": ["dist/htmx.min.js", "LICENSE"],
    "swagger-ui-dist": [
        "swagger-ui-bundle.js",
        "swagger-ui-bundle.js.LICENSE.txt",
        "swagger-ui.css",
        "LICENSE",
        "NOTICE",
    ],
    "uplot": ["dist/uPlot.iife.min.js", "dist/uPlot.min.css", "LICENSE"],
}
ICONS = [
    "alert-circle", "alert-triangle", "api", "arrow-left", "arrow-down", "arrow-right", "arrow-up", "ban", "bell",
    "building", "certificate", "check", "chevron-down", "chevron-right", "chevrons-left", "circle-check",
    "clipboard-check", "clock", "code", "copy", "device-mobile", "device-mobile-code", "dots-vertical", "download",
    "external-link", "eye", "eye-search", "filled/star", "folder", "gauge", "heartbeat", "history", "home",
    "id-badge-2", "inbox", "info-circle", "key", "list-details", "lock", "login-2", "logout", "mail", "menu-2",
    "message-2", "moon", "packages", "pencil", "phone", "phone-call", "phone-incoming", "phone-off", "player-pause",
    "player-play", "plus",
    "refresh", "rotate", "search", "selector", "send", "server", "settings", "sitemap", "stack", "stack-2", "star",
    "stars", "trash", "upload", "user-circle", "user-minus", "user-plus", "user-shield", "users", "webhook", "x",
]  # fmt: skip
"""Icons of the console's sprite; `filled/x` is called `x-filled`. A page that wants another adds its name here."""
CHARSET = b'@charset "UTF-8";'
"""A style sheet that begins so is parsed again for each page by Chromium, and its rules are sorted again: a tenth
of its work for a page. What is sent says its encoding in the header."""


def sprite() -> str:
    """One SVG with a symbol per icon."""
    folder = ROOT / "node_modules/@tabler/icons/icons"
    symbols: list[str] = []
    for name in ICONS:
        style, _, plain = name.rpartition("/")
        text = (folder / (style or "outline") / f"{plain}.svg").read_text()
        inner = re.sub(
            r'<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*/>',
            "",
            text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")],
        )
        symbols.append(
            f'<symbol id="{plain}{"-filled" if style else ""}" viewBox="0 0 24 24">{" ".join(inner.split())}</symbol>'
        )
    return f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(symbols)}</svg>\n'


def expected() -> list[Path]:
    """Every file that `main` brings in."""
    copied = [TARGET / _folder(package) / Path(name).name for package, files in FILES.items() for name in files]
    return [*copied, TARGET / "icons.svg", TARGET / "icons.LICENSE"]


def demand() -> None:
    """For a build: all files are there, or are brought in where npm has fetched their packages.

    Raises SystemExit that says what to run.
    """
    if all(file.is_file() for file in expected()):
        return
    if not (ROOT / "node_modules/@tabler/icons").is_dir():
        raise SystemExit(
            f"callmark cannot be built yet: the browser's files are missing in {TARGET}. Run `make assets` first"
            " (or `npm ci` and `python tools/assets.py`)."
        )
    main()


def _folder(package: str) -> str:
    return package.removeprefix("@").partition("/")[0].removesuffix(".org")


def main() -> None:
    shutil.rmtree(TARGET, ignore_errors=True)
    for package, files in FILES.items():
        folder = TARGET / _folder(package)
        folder.mkdir(parents=True)
        for name in files:
            (folder / Path(name).name).write_bytes(
                (ROOT / "node_modules" / package / name).read_bytes().removeprefix(CHARSET)
            )
    (TARGET / "icons.svg").write_text(sprite())
    shutil.copyfile(ROOT / "node_modules/@tabler/icons/LICENSE", TARGET / "icons.LICENSE")
    print(f"assets: {sum(1 for f in TARGET.rglob('*') if f.is_file())} files")


if __name__ == "__main__":
    main()
