"""The account as a file: what it should be, compared with what it is, and made so (docs/config-file.md).

entries                      the shape of a file
  parsing, typed_values      a text becomes entries; each mistake with its place and the nearest right word
  reading                    a file with the logos and numbers that it names
present                      the account in the same shape, over the management API
comparing …                  pure: both sides become a plan (plans), changes with their requests in order
  pictures                   whether two logos show the same
applying                     carries a plan out
exporting                    writes an account as a file
"""

from callmark.client.account_file.comparing import (
    Comparison,
    compare_call_reasons,
    compare_labels,
    compare_webhooks,
)
from callmark.client.account_file.comparing_units import compare_structure
from callmark.client.account_file.entries import AccountFile
from callmark.client.account_file.plans import AccountPlan, Pictures, PresentAccount


def make_plan(wanted: AccountFile, present: PresentAccount, pictures: Pictures, *, prune: bool = False) -> AccountPlan:
    """All that the file changes; `prune` deletes what its lists do not have."""
    of = Comparison(wanted, present, pictures, prune=prune)
    compare_labels(of)
    compare_call_reasons(of)
    compare_structure(of)
    compare_webhooks(of)
    return of.plan
