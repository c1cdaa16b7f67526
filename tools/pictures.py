"""Takes the pictures of docs/images again, from a demo of its own in Debian's Chromium: `make pictures`."""

from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, expect
from tests.e2e.browsing import CALLER, Demo, Tabs, chromium, ring, started_demo
from tests.e2e.console_browsing import ConsoleTabs
from tools.sources import ROOT

IMAGES = ROOT / "docs/images"
COLOURS = 128
_PHONE = "919900000007"
_PASTED = "+91 80 4000 1234\n+91 80 4000 1236\n080 4000 1237\n+91 80 4000 1238\n+91 80 4000 1236\nfront desk\n"


def main() -> None:
    with started_demo({}) as demo, chromium() as browser:
        tabs = Tabs(browser, str(demo.http.base_url).rstrip("/"))
        _fill(demo)
        _ringing(demo, tabs)
        _console(demo, ConsoleTabs(demo, tabs))
        tabs.close()
    for path in sorted(IMAGES.glob("*.*")):
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size >> 10} KB")


def _fill(demo: Demo) -> None:
    """A few calls with their answers, and an event whose first attempt fails."""
    emulator = "/emulator/v1"
    sink = {
        "client_account_id": demo.account["client_account_id"],
        "url": f"{demo.credentials['emulator_url']}/sinks/crm",
    }
    demo.http.post(f"{emulator}/webhooks", json=sink).raise_for_status()
    demo.http.put(f"{emulator}/sinks/crm", json={"status": 503}).raise_for_status()
    for last, outcome in enumerate(("answered", "answered", "missed", "answered", "rejected", "answered"), 1):
        phone = f"91990000000{last}"
        demo.push(phone, dynamic_call_reason="Your parcel arrives today")
        shown = demo.call(phone, outcome)
        if outcome == "answered":
            _answer(demo, phone, shown, "Yes" if last % 3 else "No")
    demo.push("919900000011", dynamic_call_reason="Your parcel arrives today")
    body: dict[str, Any] = {"business_number": CALLER, "interested": False}
    demo.http.post(f"{emulator}/handsets/919900000003/call-me-back", json=body).raise_for_status()
    demo.http.put(f"{emulator}/sinks/crm", json={"status": 200}).raise_for_status()
    demo.advance(130)


def _answer(demo: Demo, phone: str, shown: dict[str, Any], answer: str) -> None:
    offers = shown["offers"]
    choice = next(one for one in offers["questions"] if one["kind"] == "choice")
    body = {
        "business_number": CALLER,
        "campaign_id": offers["campaigns"][0]["id"],
        "call_type": "answered",
        "answers": [{"question_id": choice["id"], "answer": answer}],
    }
    demo.http.post(f"/emulator/v1/handsets/{phone}/feedback", json=body).raise_for_status()


def _ringing(demo: Demo, tabs: Tabs) -> None:
    """The page of a handset while it rings, and the phone alone from the ring to the thanks, as moving pictures."""
    demo.push(_PHONE, dynamic_call_reason="Your parcel arrives today")
    page = tabs.handset(_PHONE)
    page.set_viewport_size({"width": 1200, "height": 790})
    frames = [_phone(page)]
    ring(page)
    expect(page.locator("[data-name]")).to_have_text("Acme Deliveries")
    page.wait_for_function("document.querySelector('[data-logo]').complete")
    _keep(page, "handset.png")
    frames.append(_phone(page))
    page.get_by_role("button", name="Reject").click()
    expect(page.locator("[data-after-title]")).to_be_visible()
    frames.append(_phone(page))
    page.locator(".cm-day summary").nth(1).click()
    page.locator(".cm-day").nth(1).locator("label").first.click()
    frames.append(_phone(page))
    page.get_by_role("button", name="Call me back").click()
    expect(page.locator("[data-after-thanks]")).to_be_visible()
    frames.append(_phone(page))
    page.context.close()
    lasting = [1200, 2600, 1800, 1600, 2400]
    frames[0].save(
        IMAGES / "phone.gif", save_all=True, append_images=frames[1:], duration=lasting, loop=0, optimize=True
    )


def _phone(page: Page) -> Image.Image:
    shot = Image.open(BytesIO(page.locator("[data-device]").screenshot())).convert("RGB")
    shot.thumbnail((250, 600))
    return shot.quantize(80, dither=Image.Dither.NONE)


def _console(demo: Demo, console: ConsoleTabs) -> None:
    page = console.signed_in()
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto("/console")
    page.wait_for_load_state("networkidle")
    _keep(page, "console-home.png")
    page.goto(f"/console/campaigns/{demo.account['campaign_id']}")
    _keep(page, "console-campaign.png")
    page.goto(f"/console/feature-sets/{demo.account['feature_sets'][0]['id']}/listing")
    page.locator("textarea").first.fill(_PASTED)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("front desk").first).to_be_visible()
    _keep(page, "console-listing.png")
    page.goto("/console/webhook-events?event=cmb")
    page.locator("main tbody tr").nth(1).locator("a").first.click()
    page.wait_for_load_state()
    _keep(page, "console-webhook.png")
    page.context.close()


def _keep(page: Page, name: str) -> None:
    """Writes what the page shows, in few colours: text and surfaces need no more."""
    path: Path = IMAGES / name
    shot = Image.open(BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    shot.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
