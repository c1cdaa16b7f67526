"""What hatchling asks before it builds: a package without the browser's files would show broken pages."""

import importlib
import runpy
from pathlib import Path
from typing import Any

# Only the build has hatchling, so no tool that reads this knows its types.
_Hook: Any = importlib.import_module("hatchling.builders.hooks.plugin.interface").BuildHookInterface


class AssetsHook(_Hook):
    """Brings in the browser's files where npm has fetched them; else stops the build and says what to run."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Before anything is packed. An editable install takes the files as they come."""
        if version != "editable":
            root: str = self.root
            runpy.run_path(str(Path(root) / "tools/assets.py"))["demand"]()
