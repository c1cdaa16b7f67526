"""Callmark: an open, self-hosted platform for verified business caller ID.

The names of the client library are here, and are imported when one of them is first used: a server or a command pays
nothing for them.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from callmark.client import (
        APIConnectionError as APIConnectionError,
    )
    from callmark.client import (
        APIStatusError as APIStatusError,
    )
    from callmark.client import (
        APITimeoutError as APITimeoutError,
    )
    from callmark.client import (
        AsyncBatch as AsyncBatch,
    )
    from callmark.client import (
        AsyncClient as AsyncClient,
    )
    from callmark.client import (
        AsyncDownload as AsyncDownload,
    )
    from callmark.client import (
        AsyncEventCursor as AsyncEventCursor,
    )
    from callmark.client import (
        AuthenticationError as AuthenticationError,
    )
    from callmark.client import (
        BadRequest as BadRequest,
    )
    from callmark.client import (
        Batch as Batch,
    )
    from callmark.client import (
        CallmarkError as CallmarkError,
    )
    from callmark.client import (
        CallMeBackEvent as CallMeBackEvent,
    )
    from callmark.client import (
        CallRecord as CallRecord,
    )
    from callmark.client import (
        Cancellation as Cancellation,
    )
    from callmark.client import (
        CheckReport as CheckReport,
    )
    from callmark.client import (
        Client as Client,
    )
    from callmark.client import (
        Conflict as Conflict,
    )
    from callmark.client import (
        Download as Download,
    )
    from callmark.client import (
        Event as Event,
    )
    from callmark.client import (
        EventCursor as EventCursor,
    )
    from callmark.client import (
        FeatureSet as FeatureSet,
    )
    from callmark.client import (
        FeedbackEvent as FeedbackEvent,
    )
    from callmark.client import (
        FeedbackResponse as FeedbackResponse,
    )
    from callmark.client import (
        FileTokenStore as FileTokenStore,
    )
    from callmark.client import (
        Finding as Finding,
    )
    from callmark.client import (
        Funnel as Funnel,
    )
    from callmark.client import (
        Identity as Identity,
    )
    from callmark.client import (
        InvalidRecord as InvalidRecord,
    )
    from callmark.client import (
        Label as Label,
    )
    from callmark.client import (
        MemoryTokenStore as MemoryTokenStore,
    )
    from callmark.client import (
        NotFound as NotFound,
    )
    from callmark.client import (
        Number as Number,
    )
    from callmark.client import (
        NumberBuckets as NumberBuckets,
    )
    from callmark.client import (
        PermissionDenied as PermissionDenied,
    )
    from callmark.client import (
        Progress as Progress,
    )
    from callmark.client import (
        PushResult as PushResult,
    )
    from callmark.client import (
        RateLimited as RateLimited,
    )
    from callmark.client import (
        Record as Record,
    )
    from callmark.client import (
        RecordCall as RecordCall,
    )
    from callmark.client import (
        RecordFault as RecordFault,
    )
    from callmark.client import (
        RecordResult as RecordResult,
    )
    from callmark.client import (
        Resolution as Resolution,
    )
    from callmark.client import (
        ServerError as ServerError,
    )
    from callmark.client import (
        Slot as Slot,
    )
    from callmark.client import (
        TimelineStep as TimelineStep,
    )
    from callmark.client import (
        TokenState as TokenState,
    )
    from callmark.client import (
        TokenStore as TokenStore,
    )
    from callmark.client import (
        UnexpectedAnswer as UnexpectedAnswer,
    )
    from callmark.client import (
        WaitTimeout as WaitTimeout,
    )
    from callmark.client import (
        WebhookVerificationError as WebhookVerificationError,
    )
    from callmark.client import (
        webhooks as webhooks,
    )

__version__ = "0.1.0.dev0"


def __getattr__(name: str) -> object:
    """A name of the client library."""
    if not name.startswith("_"):
        import importlib

        client = importlib.import_module("callmark.client")
        if name in client.__all__:
            return getattr(client, name)
    raise AttributeError(f"module 'callmark' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Names of the library too, for prompts that complete."""
    import importlib

    return sorted({*globals(), *importlib.import_module("callmark.client").__all__})
