"""Every kind of background work by its name: in the log, in metrics, and in what wakes the workers that do it."""

from enum import StrEnum


class WorkName(StrEnum):
    """A kind of background work. What each does is in `domain.background`."""

    BATCHES = "batches"
    UPLOADS = "uploads"
    SWITCHES = "switches"
    LISTING_JOBS = "listing_jobs"
    DELIVERIES = "deliveries"
    MAILS = "mails"
    RESET_REQUESTS = "reset_requests"
    ALERT_POSTS = "alert_posts"
    NUMBER_CODES = "number_codes"
    WAKE_UPS = "wake_ups"
    ERASURES = "erasures"
    PERIODIC = "periodic"
    DELETIONS = "deletions"
