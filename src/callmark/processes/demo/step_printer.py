"""What the demo prints: a line per step with its milliseconds, coloured in a terminal, plain elsewhere."""

from time import perf_counter

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

_WHAT = 84


class StepPrinter:
    """Writes to standard output."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)

    def heading(self, text: str) -> None:
        """A line that begins a part."""
        self._console.print(Text(f"\n{text}", style="bold"))

    def step(self, what: str, began: float, *, good: bool = True, result: str = "") -> None:
        """A step that took from `began` (`perf_counter`) until now."""
        mark = ("✓", "green") if good else ("✗", "bold red")
        took = f"{(perf_counter() - began) * 1000:,.1f} ms"
        line = Text.assemble("  ", mark, f" {what}", " " * max(_WHAT - len(what), 1), (f"{took:>12}", "cyan"))
        self._console.print(line)
        if result:
            self._console.print(Text(f"      {result}", style="dim"))

    def screen(self, name: str, reason: str | None, caller: str) -> None:
        """What a handset shows."""
        if self._console.is_terminal:
            shown = Text.assemble((f"✓ {name}", "bold"), f"\n{reason or ''}\n", (f"+{caller}", "dim"))
            self._console.print(Panel(shown, width=48, border_style="green", padding=(0, 2)))
        else:
            self._console.print(f"      the handset shows: {name} (verified) - {reason}")

    def failure(self, expected: str, came: str) -> None:
        """Why the story ends here."""
        self._console.print(Text(f"      expected {expected}", style="red"))
        self._console.print(Text(f"      got      {came}", style="red"))

    def facts(self, facts: dict[str, str]) -> None:
        """Names beside values."""
        for name, value in facts.items():
            self._console.print(Text.assemble(f"  {name:<12} ", (value, "bold")))

    def verbatim(self, text: str) -> None:
        """Text to be copied, unchanged from the first column on."""
        self._console.print(Text(text.rstrip("\n")))
