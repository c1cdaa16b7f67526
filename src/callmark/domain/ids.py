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
CallReasonId = NewType("CallReasonId", UUID)
DepartmentId = NewType("DepartmentId", UUID)
OperationId = NewType("OperationId", UUID)
CatalogueId = NewType("CatalogueId", UUID)
ProcessId = NewType("ProcessId", UUID)
FeatureSetId = NewType("FeatureSetId", UUID)
ListingJobId = NewType("ListingJobId", UUID)
EventId = NewType("EventId", UUID)
CallbackConfigId = NewType("CallbackConfigId", UUID)
CallbackRequestId = NewType("CallbackRequestId", UUID)
CampaignId = NewType("CampaignId", UUID)
QuestionId = NewType("QuestionId", UUID)
FeedbackId = NewType("FeedbackId", UUID)
WebhookId = NewType("WebhookId", UUID)
DeliveryId = NewType("DeliveryId", UUID)
ExportId = NewType("ExportId", UUID)
