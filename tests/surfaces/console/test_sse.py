from collections.abc import AsyncIterator

from callmark.surfaces.console.sse import Progress, stream


async def test_each_step_is_an_event_of_its_own() -> None:
    async def steps() -> AsyncIterator[Progress]:
        yield Progress(1, 2, "half")
        yield Progress(2, 2, finished=True)

    answer = stream(steps())
    sent = b"".join([part async for part in answer.body_iterator if isinstance(part, bytes)]).decode()
    assert answer.media_type == "text/event-stream"
    assert sent == (
        'event: progress\ndata: {"done":1,"total":2,"text":"half","finished":false}\n\n'
        'event: progress\ndata: {"done":2,"total":2,"text":"","finished":true}\n\n'
    )
