"""Templates of pages as they were when the process started, whatever an upgrade has put in their place since.

A new template asks for what the old code does not give it: its page would be an internal error until the restart.
"""

from collections.abc import Callable

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound, nodes
from jinja2.compiler import CodeGenerator, Frame


class SourcesOfStart(BaseLoader):
    """What `files` holds when this is made; each is compiled when a page first needs it, which takes far longer.

    An environment that reloads gets the files as they are now.
    """

    def __init__(self, files: BaseLoader) -> None:
        self._files = files
        reading = Environment(autoescape=True)
        self._sources = {name: files.get_source(reading, name)[:2] for name in files.list_templates()}

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        """The text and the file of a template. Raises TemplateNotFound."""
        if environment.auto_reload:
            return self._files.get_source(environment, template)
        if template not in self._sources:
            raise TemplateNotFound(template)
        text, file = self._sources[template]
        return text, file, None

    def list_templates(self) -> list[str]:
        """The names of all templates."""
        return sorted(self._sources)


class _NothingWithoutElse(CodeGenerator):
    """`{{ x if y }}` writes nothing where y is false. Jinja would make an undefined value, and raise to find that out.

    A menu has thirty of these.
    """

    def visit_CondExpr(self, node: nodes.CondExpr, frame: Frame) -> None:
        node.expr2 = node.expr2 or nodes.Const("")
        super().visit_CondExpr(node, frame)


class _Templates(Environment):
    code_generator_class = _NothingWithoutElse


def templates_of(files: BaseLoader) -> Environment:
    """The templates in `files`, as of now. A variable that nobody gives is an error."""
    return _Templates(
        loader=SourcesOfStart(files),
        auto_reload=False,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
