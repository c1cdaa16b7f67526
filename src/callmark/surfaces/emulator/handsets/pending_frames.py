"""Questions of one stream: frames that wait for their answers, by frame id."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from websockets.exceptions import ConnectionClosed

from callmark.kit.errors import AppError, Conflict, InvalidInput, Unavailable
from callmark.surfaces.gateway.wire import Failed, Received, Resolved, Synced

ANSWER_WITHIN_S = 4.0
TRY_AGAIN = frozenset({"service-unavailable", "internal-server-error"})
"""Slugs of errors after which the same frame may be sent again."""

Answer = Synced | Resolved | Received
AnswerT = TypeVar("AnswerT", bound=Answer)


class PendingFrames:
    """What a handset has asked on its stream and got no answer to yet."""

    __slots__ = ("_asked",)

    def __init__(self) -> None:
        self._asked: dict[str, asyncio.Future[Answer | Failed | None]] = {}

    async def ask(self, frame_id: str, send: Callable[[], Awaitable[None]], kind: type[AnswerT]) -> AnswerT:
        """Sends a frame and gives its answer, which is of that kind.

        Raises Unavailable, or InvalidInput or Conflict when sending it again is no use.
        """
        answer = self._asked[frame_id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await send()
                came = await answer
        except (TimeoutError, ConnectionClosed) as exc:
            raise Unavailable("gateway: no answer") from exc
        finally:
            del self._asked[frame_id]
        if came is None:
            raise Unavailable("gateway: the stream ended")
        if isinstance(came, Failed):
            raise _error_of(came)
        if not isinstance(came, kind):
            raise Unavailable(f"gateway: the answer was {type(came).__name__} and not {kind.__name__}")
        return came

    def answered(self, frame: Answer | Failed) -> None:
        """An answer came; one that nobody waits for is dropped."""
        answer = self._asked.get(frame.re or "")
        if answer and not answer.done():
            answer.set_result(frame)

    def lose(self) -> None:
        """The stream has ended: no more answers will come."""
        for answer in self._asked.values():
            if not answer.done():
                answer.set_result(None)


def _error_of(failed: Failed) -> AppError:
    if failed.slug in TRY_AGAIN:
        return Unavailable(f"gateway: {failed.slug}")
    return Conflict(failed.message) if failed.slug == Conflict.slug else InvalidInput(failed.message)
