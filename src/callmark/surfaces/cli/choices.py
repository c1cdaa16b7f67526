"""Option types that several commands share."""

from pathlib import Path

import click

from callmark.domain.policy.plan import Feature

LOGO_READ_BYTES = 2_097_152
"""A logo of this size is too large already, so no more of a file is read."""


class FeatureList(click.ParamType[frozenset[Feature]]):
    """Features separated by commas, or `all`, or `none`."""

    name = "features"

    def convert(
        self, value: str | frozenset[Feature], param: click.Parameter | None, ctx: click.Context | None
    ) -> frozenset[Feature]:
        """The features named; a wrong name fails with those that exist."""
        if isinstance(value, frozenset):
            return value
        if value in {"all", "none"}:
            return frozenset(Feature) if value == "all" else frozenset()
        names = [name.strip() for name in value.split(",")]
        known = {feature.value for feature in Feature}
        for name in names:
            if name not in known:
                self.fail(f"{name!r} is not one of {', '.join(feature.value for feature in Feature)}", param, ctx)
        return frozenset(map(Feature, names))


def read_logo(path: Path | None) -> bytes | None:
    """The file's content, at most the size at which it is refused; None without a file."""
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            return file.read(LOGO_READ_BYTES)
    except OSError as exc:
        raise click.ClickException(f"cannot read {path}: {exc.strerror}") from exc
