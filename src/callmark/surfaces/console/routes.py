"""Every page of the console in one table: each concept's file has its own lines."""

from callmark.surfaces.console import audit, home, keys, me, members, operator, settings, sign_in
from callmark.surfaces.console.entry import Entry

TABLE: tuple[Entry, ...] = (
    *sign_in.ROUTES,
    *home.ROUTES,
    *keys.ROUTES,
    *members.ROUTES,
    *settings.ROUTES,
    *audit.ROUTES,
    *me.ROUTES,
    *operator.ROUTES,
)
