"""Names that nobody else uses: what an operation makes is known by its number."""


class Numbering:
    """Counts over all operations of a run; `tag` tells runs apart."""

    def __init__(self, seed: int) -> None:
        self.tag = f"{seed:x}"
        self._last = 0

    def next(self) -> int:
        """A number that was not given yet."""
        self._last += 1
        return self._last
