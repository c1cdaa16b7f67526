"""The reference that machines and people read: OpenAPI, AsyncAPI, and a page to browse and try them."""

from callmark.surfaces.reference.app import routes

__all__ = ["routes"]
