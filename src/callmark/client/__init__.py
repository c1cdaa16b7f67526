"""The client library: what `import callmark` offers (docs/client.md).

sync_client, async_client    the two clients, thin: each method runs an operation
  sync_resources, async_resources   what is below their names: `client.labels.list()`
  making, options            how a client is put together, and of what
    profiles, profile_writing   the file of `callmark login`; `environment`: variables, clocks, chance
  shells                     do what operations ask for, with httpx; decide nothing
    connections, forks       the client of httpx; what a child process that was forked has of its own
    request_tasks, token_tasks   requests of coroutines whose callers were cancelled
    http_clients, proxies    what httpx takes from the environment; `addresses`: whether a host can be looked up
pushing, inventory, extensions, log_downloads, events   the operations: generators without I/O (flow)
  core                       what each of them goes through: token, pace, retries, logging
    tokens, token_stores     access tokens, shared over threads and processes
    retries, answers         pure rules: what to repeat and when, which error an answer is (errors)
records, results             call records and their results, in all three generations of the wire (loose_json)
reprs, real_dates            what data show of themselves; the class of instants that answers are decoded into
webhooks                     is a request ours, and which event is it
cli, account_file            the client commands; the account as a file, for three of them
"""

from callmark.client import webhooks
from callmark.client.async_client import AsyncClient
from callmark.client.async_resources import AsyncBatch, AsyncDownload, AsyncEventCursor
from callmark.client.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequest,
    CallmarkError,
    Conflict,
    InvalidRecord,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServerError,
    UnexpectedAnswer,
    WaitTimeout,
    WebhookVerificationError,
)
from callmark.client.events import CallMeBackEvent, Event, FeedbackEvent, FeedbackResponse, PossibleSpoofEvent, Slot
from callmark.client.extensions import (
    AnnouncedCall,
    Cancellation,
    CheckReport,
    Finding,
    Funnel,
    Identity,
    Record,
    RecordCall,
    RecordFault,
    Resolution,
    TimelineStep,
)
from callmark.client.inventory import FeatureSet, Label, Number, NumberBuckets
from callmark.client.options import Generation
from callmark.client.pushing import OnProgress, Progress
from callmark.client.records import CallRecord, Instant, RecordLike
from callmark.client.results import PushResult, RecordResult, Status
from callmark.client.sync_client import Client
from callmark.client.sync_resources import Batch, Download, EventCursor
from callmark.client.token_stores import FileTokenStore, MemoryTokenStore, TokenState, TokenStore

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AnnouncedCall",
    "AsyncBatch",
    "AsyncClient",
    "AsyncDownload",
    "AsyncEventCursor",
    "AuthenticationError",
    "BadRequest",
    "Batch",
    "CallMeBackEvent",
    "CallRecord",
    "CallmarkError",
    "Cancellation",
    "CheckReport",
    "Client",
    "Conflict",
    "Download",
    "Event",
    "EventCursor",
    "FeatureSet",
    "FeedbackEvent",
    "FeedbackResponse",
    "FileTokenStore",
    "Finding",
    "Funnel",
    "Generation",
    "Identity",
    "Instant",
    "InvalidRecord",
    "Label",
    "MemoryTokenStore",
    "NotFound",
    "Number",
    "NumberBuckets",
    "OnProgress",
    "PermissionDenied",
    "PossibleSpoofEvent",
    "Progress",
    "PushResult",
    "RateLimited",
    "Record",
    "RecordCall",
    "RecordFault",
    "RecordLike",
    "RecordResult",
    "Resolution",
    "ServerError",
    "Slot",
    "Status",
    "TimelineStep",
    "TokenState",
    "TokenStore",
    "UnexpectedAnswer",
    "WaitTimeout",
    "WebhookVerificationError",
    "webhooks",
]
