"""For `from callmark.webhooks import unwrap`: what `callmark.webhooks` is after `import callmark`, too."""

from callmark.client.webhooks import TOLERANCE_S, Headers, unwrap

__all__ = ["TOLERANCE_S", "Headers", "unwrap"]
