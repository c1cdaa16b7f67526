"""What pages say about none, one and more of something."""

from functools import partial

from callmark.surfaces.console import consequences

_LOST = partial(consequences.deliveries_lost, most=1000)
_AGAIN = partial(consequences.deliveries_recovered, waits="")
_LATER = partial(consequences.deliveries_recovered, waits="when the webhook is resumed")
_REVOKED = partial(consequences.registrations_end, most=10_000)


def test_a_batch_and_its_withdrawal() -> None:
    assert [consequences.identities_removed(number) for number in (0, 1, 2)] == [
        "It has no valid records, so handsets do not change.",
        "1 identity is removed from its handset and no longer shows.",
        "Up to 2 identities are removed from their handsets and no longer show.",
    ]
    assert [consequences.records_withdrawn(number) for number in (0, 1, 1200)] == [
        "No records were withdrawn. They have ended, or were withdrawn before.",
        "1 record was withdrawn.",
        "1,200 records were withdrawn.",
    ]


def test_numbers() -> None:
    assert [consequences.numbers_leave(number, "Doorstep") for number in (0, 1, 2)] == [
        ["Doorstep has no numbers, so nothing changes."],
        [
            "1 number in Doorstep leaves your account.",
            "Its calls then show nothing, and another business can list it.",
        ],
        [
            "2 numbers in Doorstep leave your account.",
            "Their calls then show nothing, and another business can list them.",
        ],
    ]
    assert [consequences.numbers_hidden(number)[0] for number in (0, 1, 1200)] == [
        "It has no numbers, so no call changes.",
        "Its number shows nothing from the next call.",
        "Its 1,200 numbers show nothing from the next call.",
    ]
    assert consequences.numbers_hidden(1)[1].startswith("It stays listed")
    unless = "nothing unless a call record or an API request announces the call."
    assert [consequences.numbers_need_announcing(number) for number in (0, 1, 1200)] == [
        "You have no listed numbers, so no call changes.",
        f"From the next call, your listed number shows {unless}",
        f"From the next call, your 1,200 listed numbers show {unless}",
    ]
    assert [consequences.numbers_move(number) for number in (0, 1, 2)] == [
        "It has no numbers, so no call changes.",
        "Its number moves with it and shows the same as before.",
        "Its 2 numbers move with it and show the same as before.",
    ]
    assert [consequences.numbers_ask(number, "Doorstep") for number in (0, 1, 2)] == [
        "Doorstep has no numbers yet. It asks receivers of their calls once you list some.",
        "It asks receivers of calls from the number in Doorstep.",
        "It asks receivers of calls from the 2 numbers in Doorstep.",
    ]


def test_places_and_campaigns() -> None:
    assert [consequences.place_moves(*counts) for counts in ((0, 0), (1, 0), (1, 1), (2, 3))] == [
        "It has no feature sets, so no call changes.",
        "It moves with 1 feature set and without numbers, so no call changes.",
        "It moves with 1 feature set and 1 number, which shows the same as before.",
        "It moves with 2 feature sets and 3 numbers, which show the same as before.",
    ]
    assert [consequences.campaign_deleted(*counts) for counts in ((0, 0), (1, 0), (2, 1))] == [
        "It has no questions and no answers.",
        "This permanently deletes 1 question.",
        "This permanently deletes 2 questions and 1 answer.",
    ]
    assert [consequences.campaigns_deleted(names, answers) for names, answers in (("A", 0), ("A", 1), ("AB", 2))] == [
        "Its feedback campaign, which has no answers, goes with it: A.",
        "Its feedback campaign goes with it, and 1 answer to it: A.",
        "Its feedback campaigns go with it, and 2 answers to them: A, B.",
    ]


def test_deliveries_and_registrations() -> None:
    assert [_LOST(number) for number in (0, 1, 2, 1000, 1001)] == [
        "No deliveries are waiting.",
        "1 delivery that is still waiting will not be sent.",
        "2 deliveries that are still waiting will not be sent.",
        "1,000 deliveries that are still waiting will not be sent.",
        "1,000 deliveries or more that are still waiting will not be sent.",
    ]
    assert [_AGAIN(0), _AGAIN(1), _LATER(2)] == [
        "Nothing was sent again, because no delivery has failed since then.",
        "1 delivery is being sent again.",
        "2 deliveries are sent when the webhook is resumed.",
    ]
    assert [_REVOKED(number) for number in (0, 1, 2, 10_001)] == [
        "It has registered no handsets.",
        "Its registration ends immediately (1 handset). This handset no longer shows anything.",
        "Its registrations end immediately (2 handsets). These handsets no longer show anything.",
        "Its registrations end immediately (over 10,000 handsets). These handsets no longer show anything.",
    ]


def test_requests_of_a_member_who_leaves() -> None:
    assert [consequences.requests_released(number) for number in (1, 2)] == [
        "1 callback request that they have taken becomes new again.",
        "2 callback requests that they have taken become new again.",
    ]
    assert consequences.requests_given_up(2) == "2 callback requests that they had taken are new again."
