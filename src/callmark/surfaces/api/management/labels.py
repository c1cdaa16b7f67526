"""Labels with their logos (contract, section 12.2)."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from callmark.domain.ids import LabelId
from callmark.domain.labels import categories, service as labels
from callmark.domain.labels.logo import TOO_LARGE_BYTES
from callmark.domain.labels.model import LONGEST_NAME, Label, LabelChange, LabelType
from callmark.domain.policy.model import Action
from callmark.instants import iso_ms
from callmark.kit.errors import InvalidInput
from callmark.surfaces.api.actor import actor_of
from callmark.surfaces.api.doc_parts import bad, conflict
from callmark.surfaces.api.example_values import AT, EMAIL, LABEL_ID
from callmark.surfaces.api.idempotency import kept
from callmark.surfaces.api.management.base64_fields import read_base64
from callmark.surfaces.api.management.route import ManagedRoute
from callmark.surfaces.api.own.request import ApiPager, body_of, choice_filter, id_of
from callmark.surfaces.api.own.route import PAGING
from callmark.surfaces.api.own.shapes import CreatedAt, CreatedBy, Id, NextAfter
from callmark.surfaces.api.request import ApiRequest
from callmark.surfaces.api.route import ParamDoc
from callmark.surfaces.cursors import InstantKey
from callmark.surfaces.http import Response, render

LARGEST_BYTES = 3 << 20
"""A logo under its own limit, in base64, and the fields beside it."""
_PAGER: ApiPager[Label, InstantKey] = ApiPager(InstantKey, lambda one: (one.created_at, one.id))

_LOGO = f"A PNG of 200 by 200 pixels, smaller than {TOO_LARGE_BYTES >> 20} MB, in base64."
_NAME = f"1 to {LONGEST_NAME} characters."
_SUB_CATEGORY = "Code of a sub-category; `GET label_categories` lists them."


class LabelView(msgspec.Struct):
    """A label: the name and logo that a business calls under."""

    id: Annotated[Id, Meta(description="The label.")]
    label_type: Annotated[
        LabelType, Meta(description="`dynamic`: for call records. `static`: for the numbers of feature sets.")
    ]
    name: Annotated[str, Meta(description="The name that is shown.")]
    logo_url: Annotated[
        str, Meta(description="A 200 by 200 PNG that never changes.", extra_json_schema={"format": "uri"})
    ]
    category: Annotated[int, Meta(description="Number of the business category.")]
    sub_category: Annotated[int, Meta(description="Code of the sub-category.")]
    is_default: Annotated[bool, Meta(description="Whether call records that name no label show this one.")]
    created_by_email: CreatedBy
    created_at: CreatedAt


class LabelList(msgspec.Struct):
    """A page of labels."""

    labels: Annotated[list[LabelView], Meta(description="The labels, newest first.")]
    next_after: NextAfter


class NewLabelBody(msgspec.Struct, forbid_unknown_fields=True):
    """What a label is made of."""

    label_type: Annotated[LabelType, Meta(description="`dynamic` or `static`; it never changes.")]
    name: Annotated[str, Meta(description=_NAME)]
    sub_category: Annotated[int, Meta(description=_SUB_CATEGORY)]
    logo: Annotated[str, Meta(description=_LOGO)]


class LabelChangeBody(msgspec.Struct, forbid_unknown_fields=True):
    """What to change; what is left out stays."""

    name: Annotated[str | UnsetType, Meta(description=_NAME)] = UNSET
    sub_category: Annotated[int | UnsetType, Meta(description=_SUB_CATEGORY)] = UNSET
    logo: Annotated[str | UnsetType, Meta(description=_LOGO)] = UNSET
    is_default: Annotated[
        bool | UnsetType,
        Meta(description="`true` makes a dynamic label the default in place of the present one; `false` is refused."),
    ] = UNSET


class SubCategoryView(msgspec.Struct):
    """A kind of business within a category."""

    code: Annotated[int, Meta(description="What labels have as `sub_category`.")]
    name: Annotated[str, Meta(description="Its name.")]


class CategoryView(msgspec.Struct):
    """A category of businesses."""

    code: Annotated[int, Meta(description="What labels have as `category`.")]
    name: Annotated[str, Meta(description="Its name.")]
    sub_categories: Annotated[list[SubCategoryView], Meta(description="The kinds of business in it.")]


class CategoryList(msgspec.Struct):
    """All categories."""

    categories: Annotated[list[CategoryView], Meta(description="All of them, by their codes.")]


async def list_labels(request: ApiRequest) -> Response:
    """`GET labels?label_type=&after=&limit=`."""
    kind = choice_filter(request, "label_type", LabelType)
    after, limit = _PAGER.after(request), _PAGER.limit(request) + 1
    found = await labels.search_labels(request.deps, request.account_id, kind=kind, after=after, limit=limit)
    rows, next_after = _PAGER.part(request, found)
    return render(LabelList([_shown(request, one) for one in rows], next_after))


async def get_label(request: ApiRequest) -> Response:
    """`GET labels/{labelId}`."""
    return render(_shown(request, await labels.get_label(request.deps, request.account_id, _id(request))))


async def create_label(request: ApiRequest) -> Response:
    """`POST labels`."""
    body, by = body_of(request, NewLabelBody), await actor_of(request)
    prepared = await labels.prepare_label(
        request.deps,
        request.account_id,
        by=by,
        label_type=body.label_type,
        name=body.name,
        logo_png=read_base64(body.logo, "logo"),
        category=categories.category_of(body.sub_category),
        sub_category=body.sub_category,
    )
    async with request.deps.db.transaction() as tx:
        label = await labels.create_label_in(tx, request.deps, prepared, by=by)
        return await kept(tx, request, render(_shown(request, label), 201))


async def change_label(request: ApiRequest) -> Response:
    """`PATCH labels/{labelId}`."""
    body = body_of(request, LabelChangeBody)
    if body.is_default is False:
        raise InvalidInput("is_default can only be true; make another label the default instead", field="is_default")
    sub_category = None if body.sub_category is UNSET else body.sub_category
    change = LabelChange(
        name=None if body.name is UNSET else body.name,
        category=None if sub_category is None else categories.category_of(sub_category),
        sub_category=sub_category,
        logo_png=None if body.logo is UNSET else read_base64(body.logo, "logo"),
        make_default=body.is_default is True,
    )
    by = await actor_of(request)
    return render(
        _shown(request, await labels.update_label(request.deps, request.account_id, _id(request), change, by=by))
    )


async def delete_label(request: ApiRequest) -> Response:
    """`DELETE labels/{labelId}`."""
    by = await actor_of(request)
    return render(_shown(request, await labels.delete_label(request.deps, request.account_id, _id(request), by=by)))


async def list_categories(_: ApiRequest) -> Response:
    """`GET label_categories`."""
    return render(
        CategoryList(
            [
                CategoryView(one.number, one.title, [SubCategoryView(*kind) for kind in one.sub_categories.items()])
                for one in categories.CATEGORIES
            ]
        )
    )


def _id(request: ApiRequest) -> LabelId:
    return id_of(request, "labelId", LabelId)


def _shown(request: ApiRequest, label: Label) -> LabelView:
    return LabelView(
        str(label.id),
        label.label_type,
        label.name,
        labels.logo_url(request.deps.public_url, label),
        label.category,
        label.sub_category,
        label.is_default,
        label.created_by_email,
        iso_ms(label.created_at),
    )


_LABEL = {
    "id": LABEL_ID,
    "label_type": "dynamic",
    "name": "Acme Deliveries",
    "logo_url": "https://callmark.example/logos/5f0c4a.png",
    "category": 8,
    "sub_category": 53,
    "is_default": True,
    "created_by_email": EMAIL,
    "created_at": AT,
}
_PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAMgAAADIAQAAAACFI5MzAAAAHElEQVR42u3BgQAAAADDoPlTX+EAVQEAAAAAfAYU"
    "UAABxFrmKwAAAABJRU5ErkJggg=="
)
"""A black square."""
_TYPE = ParamDoc("label_type", "Only labels of this type.", {"type": "string", "enum": [*LabelType]})
_BAD = (
    bad("label name is required", "the name is empty, too long, or has characters that are not allowed", "name"),
    bad("logo is not a PNG file", "not base64, not a still PNG, too large, or not 200 by 200 pixels", "logo"),
    bad("sub-category 999 does not exist", "no such sub-category", "sub_category"),
)

ROUTES = (
    ManagedRoute(
        "GET",
        "labels",
        list_labels,
        Action.LABELS_VIEW,
        name="manageListLabels",
        summary="List labels of both types",
        description="Returns the account's labels, dynamic and static, newest first.",
        response=LabelList,
        answer={"labels": [_LABEL], "next_after": None},
        params=(_TYPE, *PAGING),
    ),
    ManagedRoute(
        "POST",
        "labels",
        create_label,
        Action.LABELS_MANAGE,
        name="createLabel",
        summary="Create a label",
        description="Creates a label with its logo. The body can be up to 3 MiB.",
        request=NewLabelBody,
        sent={"label_type": "dynamic", "name": "Acme Deliveries", "sub_category": 53, "logo": _PNG},
        response=LabelView,
        answer=_LABEL,
        errors=_BAD,
        creates=True,
        largest_bytes=LARGEST_BYTES,
    ),
    ManagedRoute(
        "GET",
        "labels/{labelId}",
        get_label,
        Action.LABELS_VIEW,
        name="getLabel",
        summary="Get a label",
        description="Returns one label of either type.",
        response=LabelView,
        answer=_LABEL,
    ),
    ManagedRoute(
        "PATCH",
        "labels/{labelId}",
        change_label,
        Action.LABELS_MANAGE,
        name="changeLabel",
        summary="Change a label",
        description="Changes name, logo or category, or makes a dynamic label the default. Records that are already"
        " pushed keep their name, and their logo on handsets that hold them.",
        request=LabelChangeBody,
        sent={"name": "Acme Parcels"},
        response=LabelView,
        answer=_LABEL | {"name": "Acme Parcels"},
        errors=(
            *_BAD,
            bad("only a dynamic label can be the default", "a static label, or `false`", "is_default"),
        ),
        largest_bytes=LARGEST_BYTES,
    ),
    ManagedRoute(
        "DELETE",
        "labels/{labelId}",
        delete_label,
        Action.LABELS_MANAGE,
        name="deleteLabel",
        summary="Delete a label",
        description="Deletes a label and returns what it was. New records can no longer name it; records that are"
        " already pushed still show it.",
        response=LabelView,
        answer=_LABEL,
        errors=(
            conflict("this label is used by a feature set; choose another label there first", "a feature set shows it"),
        ),
    ),
    ManagedRoute(
        "GET",
        "label_categories",
        list_categories,
        Action.LABELS_VIEW,
        name="listLabelCategories",
        summary="List business categories",
        description="Returns the categories and sub-categories that labels can have.",
        response=CategoryList,
        answer={
            "categories": [
                {
                    "code": 8,
                    "name": "Transportation and storage",
                    "sub_categories": [{"code": 53, "name": "Postal and courier activities"}],
                }
            ]
        },
    ),
)
