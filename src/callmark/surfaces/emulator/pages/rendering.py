"""The emulator's templates, and the headers that each of its pages has."""

from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import FileSystemLoader

from callmark.surfaces.templates import templates_of

templates = templates_of(FileSystemLoader(Path(__file__).parent / "templates"))
templates.auto_reload = True  # shows a changed template without a restart


def headers(public_url: str) -> dict[str, str]:
    """Headers of every page. Logos come from `public_url`, which need not be the address the page was opened by."""
    parts = urlsplit(public_url)
    logos = f"{parts.scheme}://{parts.netloc}"
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
        f" img-src 'self' data: {logos}; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
