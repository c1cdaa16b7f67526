"""Callmark: an open, self-hosted platform for verified business caller ID.

The names of the client library are here, and are imported when one of them is first used: a server or a command pays
nothing for them.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from callmark import webhooks as webhooks
    from callmark.client import (
        AnnouncedCall as AnnouncedCall,
        APIConnectionError as APIConnectionError,
        APIStatusError as APIStatusError,
        APITimeoutError as APITimeoutError,
        AsyncBatch as AsyncBatch,
        AsyncClient as AsyncClient,
        AsyncDownload as AsyncDownload,
        AsyncEventCursor as AsyncEventCursor,
        AuthenticationError as AuthenticationError,
        BadRequest as BadRequest,
        Batch as Batch,
        CallmarkError as CallmarkError,
        CallMeBackEvent as CallMeBackEvent,
        CallRecord as CallRecord,
        Cancellation as Cancellation,
        CheckReport as CheckReport,
        Client as Client,
        Conflict as Conflict,
        Download as Download,
        Event as Event,
        EventCursor as EventCursor,
        FeatureSet as FeatureSet,
        FeedbackEvent as FeedbackEvent,
        FeedbackResponse as FeedbackResponse,
        FileTokenStore as FileTokenStore,
        Finding as Finding,
        Funnel as Funnel,
        Generation as Generation,
        Identity as Identity,
        Instant as Instant,
        InvalidRecord as InvalidRecord,
        Label as Label,
        MemoryTokenStore as MemoryTokenStore,
        NotFound as NotFound,
        Number as Number,
        NumberBuckets as NumberBuckets,
        OnProgress as OnProgress,
        PermissionDenied as PermissionDenied,
        PossibleSpoofEvent as PossibleSpoofEvent,
        Progress as Progress,
        PushResult as PushResult,
        RateLimited as RateLimited,
        Record as Record,
        RecordCall as RecordCall,
        RecordFault as RecordFault,
        RecordLike as RecordLike,
        RecordResult as RecordResult,
        Resolution as Resolution,
        ServerError as ServerError,
        Slot as Slot,
        Status as Status,
        TimelineStep as TimelineStep,
        TokenState as TokenState,
        TokenStore as TokenStore,
        UnexpectedAnswer as UnexpectedAnswer,
        WaitTimeout as WaitTimeout,
        WebhookVerificationError as WebhookVerificationError,
    )

__version__ = "0.1.0.dev0"  # the one place: packages, pages, API descriptions and commands take it from here


if not TYPE_CHECKING:  # a checker that sees it takes every misspelt name for one of the library

    def __getattr__(name: str) -> object:
        """A name of the client library, or the list of them."""
        if name == "__all__" or not name.startswith("_"):
            import importlib

            client = importlib.import_module("callmark.client")
            if name == "__all__":
                return [*client.__all__]
            if name == "webhooks":
                return importlib.import_module("callmark.webhooks")  # the one that a test patches by its name
            if name in client.__all__:
                return getattr(client, name)
        raise AttributeError(f"module 'callmark' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Names of the library too, for prompts that complete."""
    import importlib

    return sorted({*globals(), *importlib.import_module("callmark.client").__all__})
