"""`callmark label`: labels, their logos and their categories."""

from pathlib import Path

import click

from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, LabelId
from callmark.domain.labels import service as labels
from callmark.domain.labels.categories import CATEGORIES, DEFAULT_SUB_CATEGORY, category_of
from callmark.domain.labels.logo import initial_logo
from callmark.domain.labels.model import Label, LabelChange, LabelType
from callmark.surfaces.cli.command import operator, operator_at_terminal
from callmark.surfaces.cli.files import read_logo
from callmark.surfaces.cli.options import account_option, at_least_one, id_argument, json_option, yes_option
from callmark.surfaces.cli.prompts import sure
from callmark.terminal import Output, Row

_COLUMNS = ("id", "name", "label_type", "sub_category", "is_default")
_LOGO_RULES = "PNG, 200x200 pixels, smaller than 2 MB"

_logo_path = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group
def group() -> None:
    """Manage labels: the names and logos a business calls under."""


@group.command
@account_option
@click.option("--name", required=True, help="What handsets show, at most 39 characters.")
@click.option(
    "--logo",
    type=_logo_path,
    metavar="FILE",
    help=f"Logo file ({_LOGO_RULES}). By default, a picture of the name's first letter.",
)
@click.option(
    "--type",
    "label_type",
    type=click.Choice(LabelType, case_sensitive=False),
    default="dynamic",
    show_default=True,
    help="dynamic: for pushed call records. static: for listed numbers.",
)
@click.option("--category", type=int, help="Category (default: the category of the sub-category).")
@click.option(
    "--sub-category",
    type=int,
    default=DEFAULT_SUB_CATEGORY,
    show_default=True,
    help="Sub-category, see `callmark label categories` (default: business support, which includes call centres).",
)
@operator
async def create(
    deps: Deps,
    out: Output,
    account: AccountId,
    name: str,
    logo: Path | None,
    label_type: LabelType,
    category: int | None,
    sub_category: int,
) -> None:
    """Create a label."""
    picture = read_logo(logo)
    label = await labels.create_label(
        deps,
        account,
        by=operator_at_terminal(),
        label_type=label_type,
        name=name,
        logo_png=initial_logo(name) if picture is None else picture,
        category=category_of(sub_category) if category is None else category,
        sub_category=sub_category,
    )
    out.item(_row(deps, label), "Label created.")


@group.command("list")
@account_option
@operator
async def list_(deps: Deps, out: Output, account: AccountId) -> None:
    """List an account's labels of both types, newest first."""
    rows = [_row(deps, label) for label in await labels.list_labels(deps, account)]
    hint = f"No labels yet. Create one with `callmark label create --account {account} --name NAME`."
    out.rows(rows, _COLUMNS, empty=hint)


@group.command
@id_argument
@account_option
@operator
async def show(deps: Deps, out: Output, id: LabelId, account: AccountId) -> None:
    """Show one label."""
    out.item(_row(deps, await labels.get_label(deps, account, id)))


@group.command
@id_argument
@account_option
@click.option("--name", help="A new name; records that were already pushed keep the old one.")
@click.option("--logo", type=_logo_path, metavar="FILE", help=f"A new logo ({_LOGO_RULES}).")
@click.option("--category", type=int, help="A new category (default: the category of the sub-category).")
@click.option("--sub-category", type=int, help="A new sub-category (see `callmark label categories`).")
@click.option("--default", "make_default", is_flag=True, help="Use this label when a pushed record names none.")
@operator
async def update(
    deps: Deps,
    out: Output,
    id: LabelId,
    account: AccountId,
    name: str | None,
    logo: Path | None,
    category: int | None,
    sub_category: int | None,
    *,
    make_default: bool,
) -> None:
    """Change a label's name, logo or category, or make it the default."""
    at_least_one(name, logo, category, sub_category, make_default)
    if category is None and sub_category is not None:
        category = category_of(sub_category)
    label = await labels.update_label(
        deps,
        account,
        id,
        LabelChange(name, category, sub_category, read_logo(logo), make_default),
        by=operator_at_terminal(),
    )
    out.item(_row(deps, label), "Label updated.")


@group.command
@id_argument
@account_option
@yes_option
@operator
async def delete(deps: Deps, out: Output, id: LabelId, account: AccountId, *, yes: bool) -> None:
    """Delete a label; new call records can no longer use it."""
    label = await labels.get_label(deps, account, id)
    sure(f"Delete {label.name!r}? New call records that use it are refused.", yes=yes)
    await labels.delete_label(deps, label.account_id, label.id, by=operator_at_terminal())
    out.done({"id": label.id}, f"Label {label.name!r} deleted.")


@group.command
@json_option
def categories(*, as_json: bool) -> None:
    """List the categories and sub-categories (UN ISIC Rev. 4)."""
    out = Output(as_json=as_json)
    if as_json:
        out.rows([_catalogue_row(category.number) for category in CATEGORIES], (), empty="")
        return
    rows = [
        {"category": category.number, "sub_category": code, "title": title}
        for category in CATEGORIES
        for code, title in [(None, category.title.upper()), *category.sub_categories.items()]
    ]
    out.rows(rows, ("category", "sub_category", "title"), empty="")


def _catalogue_row(number: int) -> Row:
    category = CATEGORIES[number - 1]
    return {
        "category": category.number,
        "letter": category.letter,
        "title": category.title,
        "sub_categories": [{"sub_category": code, "title": title} for code, title in category.sub_categories.items()],
    }


def _row(deps: Deps, label: Label) -> Row:
    return {
        "id": label.id,
        "name": label.name,
        "label_type": label.label_type,
        "category": label.category,
        "sub_category": label.sub_category,
        "logo_url": labels.logo_url(deps.public_url, label),
        "is_default": label.is_default,
        "created_by_email": label.created_by_email,
        "created_at": label.created_at,
    }
