"""Copies the browser assets we serve from node_modules into the package, each with what states its licence."""

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


def main() -> None:
    shutil.rmtree(TARGET, ignore_errors=True)
    for package, files in FILES.items():
        folder = TARGET / package.removeprefix("@").partition("/")[0].removesuffix(".org")
        folder.mkdir(parents=True)
        for name in files:
            shutil.copyfile(ROOT / "node_modules" / package / name, folder / Path(name).name)
    print(f"assets: {sum(1 for f in TARGET.rglob('*') if f.is_file())} files")


if __name__ == "__main__":
    main()
