"""Sentences about the consequences of an action, each in a plural, a singular and a zero form."""

from collections.abc import Sequence

from callmark.surfaces.console.display_names import agree, count


def _first(number: int, thing: str) -> str:
    return count(number, thing).capitalize()


def identities_removed(number: int) -> str:
    """Before a batch with that many valid records is withdrawn."""
    if number == 0:
        return "It has no valid records, so handsets do not change."
    if number == 1:
        return "1 identity is removed from its handset and no longer shows."
    return f"Up to {number:,} identities are removed from their handsets and no longer show."


def records_withdrawn(number: int) -> str:
    """After the records of a batch were withdrawn."""
    if number == 0:
        return "No records were withdrawn. They have ended, or were withdrawn before."
    return f"{_first(number, 'record')} {agree(number, 'was', 'were')} withdrawn."


def keys_that_stay(names: Sequence[str]) -> list[str]:
    """Before someone who has created these API keys loses access."""
    if not names:
        return []
    keys, them = agree(len(names), "an API key", "API keys"), agree(len(names), "it", "them")
    stay = f"{', '.join(names)}: {keys} of theirs that {agree(len(names), 'stays', 'stay')} valid."
    return [f"{stay} Regenerate {them} if they may know the secret."]


def numbers_being(number: int, done: str) -> str:
    """After a job was begun that does this to numbers: `delisted`."""
    return f"{_first(number, 'number')} {agree(number, 'is', 'are')} being {done}."


def numbers_leave(number: int, feature_set: str) -> list[str]:
    """Before every number of a feature set is delisted."""
    if number == 0:
        return [f"{feature_set} has no numbers, so nothing changes."]
    its, them = agree(number, "Its", "Their"), agree(number, "it", "them")
    return [
        f"{_first(number, 'number')} in {feature_set} {agree(number, 'leaves', 'leave')} your account.",
        f"{its} calls then show nothing, and another business can list {them}.",
    ]


def numbers_hidden(number: int) -> list[str]:
    """Before a feature set is unpublished."""
    again = "Publish the feature set again to restore it."
    if number == 0:
        return ["It has no numbers, so no call changes.", f"Nothing is deleted. {again}"]
    what = "number shows" if number == 1 else f"{number:,} numbers show"
    stay = agree(number, "It stays", "They stay")
    return [f"Its {what} nothing from the next call.", f"{stay} listed and nothing is deleted. {again}"]


def numbers_stop(number: int) -> str:
    """Before Number Management is taken from an account with that many numbers."""
    if number == 0:
        return "It has no numbers, so no call changes."
    shows = agree(number, "shows nothing when it calls and offers", "show nothing when they call and offer")
    return f"{_first(number, 'number')} {shows} nothing afterwards."


def numbers_need_announcing(number: int) -> str:
    """Before an account's identities show in announced calls only."""
    if number == 0:
        return "You have no listed numbers, so no call changes."
    what = "listed number shows" if number == 1 else f"{number:,} listed numbers show"
    return f"From the next call, your {what} nothing unless a call record or an API request announces the call."


def offers_stop(number: int) -> str:
    """Before Call Me Back is taken from an account where that many feature sets offer it."""
    if number == 0:
        return "No feature set offers callbacks, so no call changes."
    return f"{_first(number, 'feature set')} no longer {agree(number, 'offers', 'offer')} callbacks."


def campaigns_stop(number: int) -> str:
    """Before User Feedback is taken from an account with that many live campaigns."""
    if number == 0:
        return "It has no live campaigns, so no call changes."
    return f"{_first(number, 'live campaign')} {agree(number, 'stops', 'stop')} asking."


def keys_refused(number: int) -> str:
    """Before a feature is taken that this number of keys give access to."""
    if number == 0:
        return "No API key uses it."
    return f"{count(number, 'API key')} {agree(number, 'is', 'are')} refused for it."


def numbers_move(number: int) -> str:
    """Before a feature set is moved."""
    if number == 0:
        return "It has no numbers, so no call changes."
    what = "number moves with it and shows" if number == 1 else f"{number:,} numbers move with it and show"
    return f"Its {what} the same as before."


def place_moves(feature_sets: int, numbers: int) -> str:
    """Before a place of the structure is moved."""
    if feature_sets == 0:
        return "It has no feature sets, so no call changes."
    sets = count(feature_sets, "feature set")
    if numbers == 0:
        return f"It moves with {sets} and without numbers, so no call changes."
    shows = agree(numbers, "shows", "show")
    return f"It moves with {sets} and {count(numbers, 'number')}, which {shows} the same as before."


def numbers_ask(number: int, feature_set: str) -> str:
    """Before a campaign is made live."""
    if number == 0:
        return f"{feature_set} has no numbers yet. It asks receivers of their calls once you list some."
    what = agree(number, "number", f"{number:,} numbers")
    return f"It asks receivers of calls from the {what} in {feature_set}."


def campaign_deleted(questions: int, answers: int) -> str:
    """Before a campaign is deleted."""
    parts = [count(number, thing) for number, thing in ((questions, "question"), (answers, "answer")) if number]
    if not parts:
        return "It has no questions and no answers."
    return f"This permanently deletes {' and '.join(parts)}."


def campaigns_deleted(names: Sequence[str], answers: int) -> str:
    """Before a feature set with these campaigns is deleted."""
    what, go = agree(len(names), "campaign", "campaigns"), agree(len(names), "goes", "go")
    if answers == 0:
        have = agree(len(names), "has", "have")
        return f"Its feedback {what}, which {have} no answers, {go} with it: {', '.join(names)}."
    them = agree(len(names), "it", "them")
    return f"Its feedback {what} {go} with it, and {count(answers, 'answer')} to {them}: {', '.join(names)}."


def requests_left(number: int) -> str:
    """Before a feature set is deleted of which that many (at least one) Call Me Back requests are not done."""
    people = "1 person waits" if number == 1 else f"{number:,} people wait"
    return f"{people} to be called back. Afterwards only admins see their {agree(number, 'request', 'requests')}."


def requests_released(number: int) -> str:
    """Before a member loses access who has taken that many (at least one) Call Me Back requests."""
    return f"{_first(number, 'callback request')} that they have taken {agree(number, 'becomes', 'become')} new again."


def requests_given_up(number: int) -> str:
    """After a member got another place, and that many (at least one) requests that they had taken are not in it."""
    return f"{_first(number, 'callback request')} that they had taken {agree(number, 'is', 'are')} new again."


def deliveries_lost(number: int, most: int) -> str:
    """Before a webhook is deleted for which that many wait; above `most`, counting stopped."""
    if number == 0:
        return "No deliveries are waiting."
    told = f"{count(most, 'delivery')} or more" if number > most else _first(number, "delivery")
    return f"{told} that {agree(number, 'is', 'are')} still waiting will not be sent."


def deliveries_wait(*, is_copy: bool, is_paused: bool) -> str:
    """When a delivery that is due is sent; empty for at once."""
    if is_copy:
        return "when this installation, which is a copy, is released"
    return "when the webhook is resumed" if is_paused else ""


def deliveries_recovered(number: int, waits: str) -> str:
    """After what failed was sent again; `waits` as `deliveries_wait` has it."""
    if number == 0:
        return "Nothing was sent again, because no delivery has failed since then."
    done = f"sent {waits}" if waits else "being sent again"
    return f"{_first(number, 'delivery')} {agree(number, 'is', 'are')} {done}."


def registrations_end(number: int, most: int) -> str:
    """Before a handset app is revoked; above `most`, counting stopped."""
    if number == 0:
        return "It has registered no handsets."
    if number == 1:
        return "Its registration ends immediately (1 handset). This handset no longer shows anything."
    told = f"over {most:,} handsets" if number > most else count(number, "handset")
    return f"Its registrations end immediately ({told}). These handsets no longer show anything."
