"""What a file changes in an account: pure, and the same for the same two (docs/config-file.md)."""

import base64
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from msgspec import UNSET, UnsetType

from callmark.client.account_file.entries import AccountFile, LabelEntry, WebhookEntry
from callmark.client.account_file.pictures import same_picture
from callmark.client.account_file.plans import (
    AccountChange,
    AccountPlan,
    ApiStep,
    FieldDifference,
    Key,
    Phase,
    Pictures,
    PresentAccount,
    Ref,
    Step,
    body_of,
    differing,
    given,
    label_key,
    reason_key,
    set_key,
    unit_key,
    webhook_key,
)
from callmark.client.account_file.trees import all_sets, trail

T = TypeVar("T")
LABEL_FIELDS = ("sub_category", "logo", "is_default")
WEBHOOK_FIELDS = ("name", "url", "event_types", "honours_retry_after", "stops_on_gone", "paused")


class Comparison:
    """A plan while it is made, and what making it needs."""

    def __init__(self, wanted: AccountFile, present: PresentAccount, pictures: Pictures, *, prune: bool) -> None:
        self.wanted = wanted
        self.present = present
        self.pictures = pictures
        self.prune = prune
        self.plan = AccountPlan()
        self.wanted_numbers = self._placed_numbers()
        self.held_numbers = {
            number: set_key(unit_key(*names[:-1]), names[-1])
            for names, one in all_sets(given(present.entries.departments))
            for number in given(one.numbers)
            if number not in present.failed_numbers
        }
        """Where numbers of the account are; one that could not be listed is nowhere."""

    def _placed_numbers(self) -> frozenset[str]:
        """All numbers of the file, each of which can be in one feature set."""
        placed: dict[str, str] = {}
        for names, one in all_sets(given(self.wanted.departments)):
            place = trail(*names)
            for number in given(one.numbers):
                if (other := placed.setdefault(number, place)) != place:
                    self.plan.faults.append(f"the number {number} is in two feature sets: {other} and {place}")
        return frozenset(placed)

    def add(self, change: AccountChange) -> None:
        """A change of the plan."""
        self.plan.changes.append(change)

    def fault(self, what: str, name: str, why: str) -> None:
        """Something that the file wants and that cannot be."""
        self.plan.faults.append(f"{what} {name}: {why}")

    def gone(self, what: str, name: str, *steps: Step, warning: str = "") -> None:
        """Something that the file does not have: deleted on request, else kept."""
        if self.prune:
            self.add(AccountChange("delete", what, name, steps=list(steps), warning=warning))
        else:
            self.plan.kept.append((what, name))

    def pairs(
        self,
        wanted: Sequence[T] | UnsetType,
        present: Sequence[T] | UnsetType,
        key: Callable[[T], Key],
        told: Callable[[T], str],
    ) -> Iterable[tuple[Key, T | None, T | None]]:
        """Both sides of each thing in the file's order, then what the account alone has; nothing without a list."""
        if isinstance(wanted, UnsetType):
            return
        counted = Counter(map(key, wanted))
        for twice in {key(one): told(one) for one in wanted if counted[key(one)] > 1}.values():
            self.plan.faults.append(f"{twice} is there twice")
        there = {key(one): one for one in given(present)}
        for one in wanted:
            self._refuse_twin(key(one))
            yield key(one), one, there.pop(key(one), None)
        for left, one in there.items():
            if self.prune:
                self._refuse_twin(left)
            yield left, None, one

    def _refuse_twin(self, key: Key) -> None:
        if key in self.present.twins:
            self.plan.faults.append(self.present.twins[key])


def compare_labels(of: Comparison) -> None:
    """Labels: by type and name."""
    new_default = any(label.is_default is True for label in given(of.wanted.labels))
    for key, wanted, present in of.pairs(of.wanted.labels, of.present.entries.labels, _label_key, _label_told):
        if wanted is not None:
            _compare_label(of, key, wanted, present, new_default=new_default)
        elif present is not None:
            step = ApiStep(Phase.NO_LABELS, "DELETE", ("labels", Ref(key)))
            of.gone("label", _label_name(present), step)


def _compare_label(
    of: Comparison, key: Key, wanted: LabelEntry, present: LabelEntry | None, *, new_default: bool
) -> None:
    name = _label_name(wanted)
    fields = [one for one in differing(wanted, present, LABEL_FIELDS) if not _is_same_logo(of, one)]
    if wanted.is_default is False:
        fields = [one for one in fields if one.name != "is_default"]
        if present is not None and present.is_default is True and not new_default:
            of.fault("label", name, "is the default; make another one the default instead")
    if wanted.is_default is True and wanted.label_type == "static":
        of.fault("label", name, "only a dynamic label can be the default")
    body = body_of([one for one in fields if one.name != "is_default"])
    if "logo" in body:
        body["logo"] = base64.b64encode(of.pictures.wanted[body["logo"]]).decode()
    default = [ApiStep(Phase.LABELS, "PATCH", ("labels", Ref(key)), {"is_default": True})]
    steps: list[Step] = [*default] if any(one.name == "is_default" for one in fields) else []
    if present is None:
        if missing := [one for one in ("sub_category", "logo") if getattr(wanted, one) is UNSET]:
            of.fault("label", name, f"a new label needs {' and '.join(missing)}")
        made = {"label_type": wanted.label_type, "name": wanted.name.strip(), **body}
        steps.insert(0, ApiStep(Phase.LABELS, "POST", ("labels",), made, key))
        of.add(AccountChange("create", "label", name, fields, steps))
    elif fields:
        if body:
            steps.insert(0, ApiStep(Phase.LABELS, "PATCH", ("labels", Ref(key)), body))
        of.add(AccountChange("change", "label", name, fields, steps))


def _is_same_logo(of: Comparison, one: FieldDifference) -> bool:
    if one.name != "logo" or not isinstance(one.before, str):
        return False
    there = of.pictures.present.get(one.before)
    return there is not None and same_picture(of.pictures.wanted[one.after], there)


def _label_key(label: LabelEntry) -> Key:
    return label_key(label.label_type, label.name)


def _label_name(label: LabelEntry) -> str:
    return f"{label.name} ({label.label_type})"


def _label_told(label: LabelEntry) -> str:
    return f"label {_label_name(label)}"


def compare_call_reasons(of: Comparison) -> None:
    """Call reasons: by their text, so another text is another call reason."""
    both = of.wanted.call_reasons, of.present.entries.call_reasons
    for key, wanted, present in of.pairs(*both, reason_key, "call reason {}".format):
        if wanted is not None and present is None:
            step = ApiStep(Phase.CALL_REASONS, "POST", ("call_reasons",), {"call_reason": wanted}, key)
            of.add(AccountChange("create", "call reason", wanted, steps=[step]))
        elif wanted is None and present is not None:
            step = ApiStep(Phase.NO_CALL_REASONS, "DELETE", ("call_reasons", Ref(key)))
            of.gone("call reason", present, step)


def compare_webhooks(of: Comparison) -> None:
    """Webhooks: by their names, in any spelling of case."""
    both = of.wanted.webhooks, of.present.entries.webhooks
    for key, wanted, present in of.pairs(*both, _webhook_key, lambda one: f"webhook {one.name}"):
        if wanted is not None:
            _compare_webhook(of, key, wanted, present)
        elif present is not None:
            step = ApiStep(Phase.FREE_WEBHOOKS, "DELETE", ("webhooks", Ref(key)))
            of.gone("webhook", present.name, step, warning="events that wait for it are not sent")


def _compare_webhook(of: Comparison, key: Key, wanted: WebhookEntry, present: WebhookEntry | None) -> None:
    fields = differing(wanted, present, WEBHOOK_FIELDS)
    body: dict[str, Any] = body_of([one for one in fields if one.name != "paused"])
    steps: list[Step] = []
    if present is None:
        if missing := [one for one in ("url", "event_types") if getattr(wanted, one) is UNSET]:
            of.fault("webhook", wanted.name, f"a new webhook needs {' and '.join(missing)}")
        steps.append(ApiStep(Phase.WEBHOOKS, "POST", ("webhooks",), body, key))
        fields = [one for one in fields if one.name != "name"]
    elif body:
        steps.append(ApiStep(Phase.WEBHOOKS, "PATCH", ("webhooks", Ref(key)), body))
    is_paused = present is not None and present.paused is True
    if wanted.paused is not UNSET and wanted.paused != is_paused:
        verb = "pause" if wanted.paused else "resume"
        steps.append(ApiStep(Phase.WEBHOOKS, "POST", ("webhooks", Ref(key), verb)))
    if present is None:
        of.add(AccountChange("create", "webhook", wanted.name, fields, steps))
    elif fields:
        of.add(AccountChange("change", "webhook", present.name, fields, steps))


def _webhook_key(webhook: WebhookEntry) -> Key:
    return webhook_key(webhook.name)
