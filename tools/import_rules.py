"""Import rules of ours for import-linter (`contract_types` in pyproject.toml), where it has none that needs no list."""

import re

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class PrivateQueries(Contract):
    """A module `queries` or `…_queries` below `root` is imported only by modules of its package."""

    root = fields.StringField()

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002, FBT001 - import-linter's own
        """Finds who else imports one."""
        broken = [
            (importer, module)
            for module in sorted(graph.modules)
            if module.startswith(f"{self.root}.") and re.search(r"[._]queries$", module)
            for importer in sorted(graph.find_modules_that_directly_import(module))
            if not importer.startswith(module.rpartition(".")[0] + ".")
        ]
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """One line for each import."""
        for importer, module in check.metadata["broken"]:
            output.print_error(f"- {importer} -> {module}", bold=False)
