"""A type per id, so that one kind never passes for another."""

from typing import NewType
from uuid import UUID

AccountId = NewType("AccountId", UUID)
MemberId = NewType("MemberId", UUID)
KeyId = NewType("KeyId", UUID)
LabelId = NewType("LabelId", UUID)
HandsetAppId = NewType("HandsetAppId", UUID)
BatchId = NewType("BatchId", UUID)
RecordId = NewType("RecordId", UUID)
CallId = NewType("CallId", UUID)
