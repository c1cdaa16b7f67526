"""How pages call what the platform knows by another name."""

from callmark.domain.accounts.model import Feature, MemberState, Role

FEATURES = {
    Feature.CALL_PERSONALISATION: "Call Personalisation",
    Feature.NUMBER_MANAGEMENT: "Number Management",
    Feature.CALL_ME_BACK: "Call Me Back",
    Feature.USER_FEEDBACK: "User Feedback",
}
FEATURE_HINTS = {
    Feature.CALL_PERSONALISATION: "push call records and read labels and batches",
    Feature.NUMBER_MANAGEMENT: "list and delist numbers, read numbers and feature sets",
    Feature.CALL_ME_BACK: "download the log of requests",
    Feature.USER_FEEDBACK: "download the log of answers",
}
ROLES = {
    Role.ADMIN: "Admin",
    Role.DEPARTMENT_OWNER: "Department Owner",
    Role.OPERATION_OWNER: "Operation Owner",
    Role.PROCESS_OWNER: "Process Owner",
}
ROLE_HINTS = {
    Role.ADMIN: "everything of this account",
    Role.DEPARTMENT_OWNER: "one department and all inside it",
    Role.OPERATION_OWNER: "one calling operation and the processes inside it",
    Role.PROCESS_OWNER: "one process",
}
MEMBER_STATES = {MemberState.INVITED: "Invited", MemberState.ACTIVE: "Active", MemberState.REVOKED: "Access revoked"}
MEMBER_COLOURS = {MemberState.INVITED: "azure", MemberState.ACTIVE: "green", MemberState.REVOKED: "red"}


def changed(action: str) -> str:
    """An action of the audit log in words: `key.created` is `Key created`."""
    return action.replace(".", " ").replace("_", " ").capitalize()
