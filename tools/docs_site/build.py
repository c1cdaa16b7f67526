"""Builds the site; a warning stops it. `python -m tools.docs_site.build [FOLDER]`, by default build/site."""

import logging
import os
import sys

from tools.sources import ROOT

from callmark.kit.process_start import collect_garbage_rarely

os.environ["NO_MKDOCS_2_WARNING"] = "1"  # Material's advertisement against the next MkDocs, read at import


def main() -> None:
    """Raises mkdocs.exceptions.Abort with what is wrong on standard error."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config  # pyright: ignore[reportUnknownVariableType] - its keywords have no types

    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.WARNING)
    folder = sys.argv[1] if len(sys.argv) > 1 else None
    config = load_config(str(ROOT / "mkdocs.yml"), strict=True, **({"site_dir": folder} if folder else {}))
    collect_garbage_rarely()  # a tenth of the time: a page's tree lives until it is written
    build(config)
    print(f"{config.site_dir}/index.html; to search in it: python3 -m http.server --directory {config.site_dir}")


if __name__ == "__main__":
    main()
