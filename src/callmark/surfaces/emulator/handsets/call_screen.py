"""A handset's screen during and after calls: what the person who holds it sees and does, and the calls so far."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, assert_never

import structlog

from callmark.domain.calls.model import CallEvent
from callmark.kit.errors import AppError, Conflict, InvalidInput
from callmark.kit.phone import PhoneNumber, parse_loose
from callmark.kit.telemetry import tracing
from callmark.kit.telemetry.tracing import SpanKind
from callmark.surfaces.emulator.handsets.after_call import NOT_SENT, AfterCall, digits, sentence, thanks_for
from callmark.surfaces.emulator.handsets.answer_sender import AnswerSender
from callmark.surfaces.emulator.handsets.caller_lookup import look
from callmark.surfaces.emulator.handsets.gestures import Act, Gesture
from callmark.surfaces.emulator.handsets.handset import Handset
from callmark.surfaces.emulator.handsets.network import OnChange
from callmark.surfaces.emulator.handsets.phone_call import PhoneCall
from callmark.surfaces.emulator.handsets.view_model import AfterCallOnScreen, AfterCallStep, CallOnScreen

log = structlog.get_logger(__name__)

RINGS_OUT_S = 20.0
"""How long a call rings that a person placed from the page."""

THANKS_FOR_S = 6.0
MOST_HISTORY = 50


class CallPlan(NamedTuple):
    """How a call goes: it rings `ring_s` unless a person is quicker, and ends with `unanswered` when nobody is.

    It stays on the screen for `ended_for_s`, an answered one for `talks_for_s` (None: until the person hangs up). Then
    the screen offers what may be said about it, unless the call `is_unseen`.
    """

    ring_s: float
    unanswered: CallEvent
    ended_for_s: float = 1.5
    talks_for_s: float | None = 2.5
    is_unseen: bool = False


class CallScreen:
    """The screen of one handset. A newer call takes it from an older one, which then ends as if nobody answered."""

    def __init__(
        self, handset: Handset, answers: AnswerSender, on_change: OnChange, *, rings_out_s: float = RINGS_OUT_S
    ) -> None:
        self.history: deque[CallOnScreen] = deque(maxlen=MOST_HISTORY)
        self.handset = handset
        self._answers = answers
        self._on_change = on_change
        self._rings_out_s = rings_out_s
        self._call: PhoneCall | None = None
        self._after: AfterCall | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ringing: set[asyncio.Task[PhoneCall]] = set()

    @property
    def call(self) -> CallOnScreen | None:
        """The call that has the screen."""
        return self._call.on_screen() if self._call else None

    @property
    def after(self) -> AfterCallOnScreen | None:
        """What may be said about the call that had it."""
        return self._after.on_screen() if self._after else None

    def stop(self) -> None:
        """Ends the calls that a person placed, and forgets what was on the screen."""
        for task in self._ringing:
            task.cancel()
        self._show()

    # calls ------------------------------------------------------------------------------------------------------------

    async def ring(self, caller: PhoneNumber, plan: CallPlan) -> PhoneCall:
        """A call to its end: what showed, how it ended. Online, returns once the gateway has received its reports."""
        seen = await look(self.handset, caller)
        call = PhoneCall(caller, seen, self.handset.now_ms(), plan.unanswered)
        try:
            outcome = await self._go_through(call, plan.ring_s)
        finally:  # also when the screen stops: what a person says about the call waits for this
            call.reported.set()
        call.asked_back = outcome is CallEvent.MISSED and await self._ask_back_by_script(call)
        shows_for_s = plan.talks_for_s if outcome is CallEvent.ANSWERED else plan.ended_for_s
        if self._call is call and shows_for_s is not None:
            clear = self._show if plan.is_unseen else partial(self._clear, call)
            self._later(shows_for_s, clear)
        return call

    async def _go_through(self, call: PhoneCall, ring_s: float) -> CallEvent:
        """Shows the call until it is decided how it ends; returns that once it is reported."""
        if self._call:
            self._call.decide(self._call.unanswered)
        self._show(call)
        if call.seen.identity:
            await self.handset.report(call.id, call.caller, call.seen, CallEvent.SHOWN)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ring_s):
                await call.decided.wait()
        outcome = call.decide(call.unanswered)
        call.ended_ms = self.handset.now_ms()
        self.history.appendleft(call.on_screen())
        self._changed()
        await self.handset.report(call.id, call.caller, call.seen, outcome)
        return outcome

    async def _ask_back_by_script(self, call: PhoneCall) -> bool:
        handset = self.handset
        if not (handset.row.script.call_me_back and handset.reaches_gateway):
            return False
        with tracing.following(call.seen.traceparent, "virtual handset", SpanKind.CLIENT):
            return await self._answers.ask_back_by_script(handset.row, call.caller, call.seen.offers)

    def _clear(self, call: PhoneCall) -> None:
        """The call leaves the screen to what may be said about it."""
        if self._call is call:
            after = AfterCall(call)
            self._show(None, after if after.step and self.handset.reaches_gateway else None)

    def _show(self, call: PhoneCall | None = None, after: AfterCall | None = None) -> None:
        self._stop_timer()
        self._call, self._after = call, after
        self._changed()

    def _later(self, seconds: float, work: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, work)

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = None

    def _changed(self) -> None:
        self._on_change(self.handset.row.phone_number)

    # gestures ---------------------------------------------------------------------------------------------------------

    async def perform(self, gesture: Gesture) -> str:
        """Does what a person wants; what they must correct first, in their words, else empty."""
        call = self._call if self._call and self._call.id == gesture.call else None
        match gesture.act:
            case Act.RING:
                return self._place(gesture.caller)
            case Act.ANSWER | Act.REJECT:
                if call:
                    call.decide(CallEvent.ANSWERED if gesture.act is Act.ANSWER else CallEvent.REJECTED)
            case Act.HANG_UP:
                if call and call.outcome is CallEvent.ANSWERED:
                    self._clear(call)
            case Act.CALL_ME_BACK | Act.FEEDBACK | Act.SKIP:
                return await self._say(gesture)
            case Act.SIGN_IN:  # the farm does it, under its lock
                pass
            case _:
                assert_never(gesture.act)
        return ""

    def _place(self, typed: str) -> str:
        if (caller := parse_loose(digits(typed))) is None:
            return "Enter the caller's number with its country code, 7 to 15 digits in total."
        plan = CallPlan(self._rings_out_s, CallEvent.MISSED, talks_for_s=None)
        task = asyncio.create_task(self.ring(caller, plan))
        self._ringing.add(task)
        task.add_done_callback(self._ringing.discard)
        return ""

    async def _say(self, gesture: Gesture) -> str:
        after, call = self._after, gesture.call
        step = {Act.CALL_ME_BACK: AfterCallStep.CALLBACK, Act.FEEDBACK: AfterCallStep.FEEDBACK}.get(
            gesture.act, gesture.step
        )
        if after is None or after.call.id != call or after.step is not step:
            return ""
        if gesture.act is Act.SKIP:
            after.skip()
        elif wrong := after.fault(gesture) or await self._send(after, gesture):
            return wrong
        elif after.step is step:  # nobody else has said it meanwhile
            after.done(thanks_for(gesture))
        self._go_on(after)
        return ""

    async def _send(self, after: AfterCall, gesture: Gesture) -> str:
        await after.call.reported.wait()  # what is said about a call comes after its reports
        try:
            with tracing.following(after.call.seen.traceparent, "virtual handset", SpanKind.CLIENT):
                if gesture.act is Act.CALL_ME_BACK:
                    await self._answers.say(self.handset.row, "call_me_back", after.request(gesture))
                else:
                    await self._answers.say(self.handset.row, "feedback", after.feedback(gesture))
        except (InvalidInput, Conflict) as exc:
            return sentence(exc.message)
        except AppError as exc:
            log.info("not_said", error=exc.message)
            return NOT_SENT
        return ""

    def _go_on(self, after: AfterCall) -> None:
        if self._after is not after:
            return
        self._show(None, after if after.step else None)
        if after.step is AfterCallStep.THANKS:
            self._later(THANKS_FOR_S, self._show)
