"""The last part of the demo's story, with `--sip`: a signed call rings on a SIP phone."""

from callmark.domain.calls.model import CallEvent
from callmark.domain.deps import Deps
from callmark.domain.policy.model import SYSTEM
from callmark.kit.errors import SetupError
from callmark.processes.demo.story_run import StoryFailed, StoryRun
from callmark.processes.sip_lab.scenes import Scene, play


async def tell_sip_call(run: StoryRun, deps: Deps, reason: str) -> None:
    """One step. Raises StoryFailed."""
    async with run.step("a business calls a SIP phone; the call is signed, verified and answered") as step:
        try:
            played = await play(deps, Scene.ANSWER, reason, by=SYSTEM)
        except SetupError as exc:
            raise StoryFailed("a call through two proxies to a phone", exc.message) from exc
        if played.shown is None or played.shown.call_reason != reason:
            raise StoryFailed(f"the phone to show a name and {reason!r}", played)
        if played.outcome is not CallEvent.ANSWERED:
            raise StoryFailed("the platform to know that the call was answered", played)
        step.result = f"the phone showed: {played.shown.name} - {reason} (icon {played.shown.icon_url})"
