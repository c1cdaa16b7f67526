"""A newcomer's walk through the first steps, in a browser, from an empty account to a webhook."""

import json
import re
import subprocess
from io import BytesIO

from PIL import Image
from playwright.sync_api import Page, expect
from tests.e2e.browsing import CALLMARK, ENVIRON
from tests.e2e.console_browsing import ConsoleTabs, check_page, looked_at, press_until_pushed, sign_in

PASSWORD = "four unrelated words here"


def callmark(console: ConsoleTabs, *args: str, typed: str = "") -> str:
    """What an operator's command prints."""
    ran = subprocess.run(
        [CALLMARK, *args, "--data", console.demo.data],
        env=ENVIRON,
        input=typed,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout


def newcomer(console: ConsoleTabs, name: str) -> Page:
    """The home of a new account's admin."""
    account = json.loads(callmark(console, "account", "create", "--name", name, "--json"))["client_account_id"]
    email = f"{name.lower()}@new.example"
    who = ("--account", account, "--email", email, "--name", "Nina", "--state", "active", "--json")
    member = json.loads(callmark(console, "member", "create", *who))["id"]
    callmark(console, "member", "password", member, "--account", account, "--password-file", "-", typed=PASSWORD)
    page = console.tabs.open("/console/sign-in", width=1280)
    sign_in(page, email, PASSWORD)
    return page


def picture(width: int, height: int, kind: str) -> dict[str, object]:
    """A picture whose left half is red and whose right half is blue."""
    made, out = Image.new("RGB", (width, height), "red"), BytesIO()
    made.paste("blue", (width // 2, 0, width, height))
    made.save(out, kind)
    return {"name": f"a logo.{kind.lower()}", "mimeType": f"image/{kind.lower()}", "buffer": out.getvalue()}


def sent_logo(page: Page) -> Image.Image:
    """The picture that the form would send."""
    read = """async () => [...new Uint8Array(await document.querySelector("#logo").files[0].arrayBuffer())]"""
    return Image.open(BytesIO(bytes(page.evaluate(read))))


def ticked(page: Page, count: int) -> None:
    expect(page.locator(".cs-step-done")).to_have_count(count)


def phone_is_connected(page: Page) -> None:
    expect(page.locator("[data-first-state]")).to_have_text("Phone: connected")


def press_focused(page: Page, name: str) -> None:
    """Presses a button of the phone, to which the keyboard has come by itself."""
    button = page.get_by_role("button", name=name)
    expect(button).to_be_focused()
    button.press("Enter")


def hide_and_find_again(page: Page) -> None:
    """The card, on a narrow page."""
    page.set_viewport_size({"width": 820, "height": 900})
    page.get_by_role("button", name="Hide").click()
    expect(page.locator(".cs-first")).to_have_count(0)
    page.goto("/console/first-steps")
    check_page(page)
    page.get_by_role("button", name="Show on Home").click()
    expect(page.locator(".cs-first")).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 900})


def test_a_newcomer_hides_the_card_finds_it_again_and_walks_from_a_name_to_a_webhook(console: ConsoleTabs) -> None:
    page = newcomer(console, "Walker")
    phone_is_connected(page)
    looked_at(page)
    hide_and_find_again(page)
    page.get_by_role("link", name="Create Caller ID").click()
    page.get_by_label("2. Logo").set_input_files(picture(900, 400, "JPEG"))  # type: ignore[arg-type] - a file payload
    page.get_by_label("3. Name").fill("Nina Deliveries")
    page.get_by_label("4. Category").select_option(index=3)
    check_page(page)
    page.get_by_role("button", name="Create Caller ID").click()
    ticked(page, 1)
    phone_is_connected(page)
    push = page.get_by_role("button", name="Push and ring")
    press_until_pushed(lambda: push.press("Enter"), page.locator("[data-call-state=ringing]"))
    expect(page.locator("[data-first-phone] [data-name]")).to_have_text("Nina Deliveries")
    check_page(page)
    press_focused(page, "Answer")
    press_focused(page, "End call")
    ticked(page, 2)
    expect(page.get_by_role("button", name="Push and ring again")).to_be_focused()
    expect(page.get_by_role("region", name="Today")).to_contain_text(re.compile("Accepted\\s*1"))
    page.get_by_role("link", name="Create API Key").click()
    page.get_by_label("Key Name").fill("CRM")
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_text("Waiting for the first request with this key")).to_be_visible()
    looked_at(page)
    line = page.locator("pre code").inner_text()
    made = subprocess.run(["/bin/bash", "-c", line], capture_output=True, text=True, check=True)
    assert json.loads(made.stdout)["token"]
    expect(page.get_by_text("First request received")).to_be_visible()
    page.goto("/console")
    ticked(page, 3)
    miss_a_call(page)
    page.get_by_role("link", name="View the event").click()
    expect(page.get_by_text("call_me_back").or_(page.get_by_text("cmb")).first).to_be_visible()


def miss_a_call(page: Page) -> None:
    """The last step."""
    page.get_by_role("button", name="Set it up").click()
    ring = page.get_by_role("button", name="Ring", exact=True)
    expect(ring).to_be_visible()
    phone_is_connected(page)
    ring.press("Enter")
    expect(page.get_by_role("button", name="Answer")).to_be_focused()
    page.get_by_role("button", name="Reject").press("Enter")
    press_focused(page, "Call me back")
    ticked(page, 4)
    looked_at(page)


_LARGE_IS_SLOW = """() => {
  const open = createImageBitmap;
  let read;
  const mayBeRead = new Promise((done) => { read = done; });
  const wasRead = new Promise((done) => {
    window.createImageBitmap = async (file, ...how) => {
      if (file.name !== "large.jpeg") return open(file, ...how);
      await mayBeRead;
      const bitmap = await open(file, ...how);
      setTimeout(done, 100);
      return bitmap;
    };
  });
  window.readLarge = () => { read(); return wasRead; };
}"""
"""It is read when it may be, and what follows has happened a tenth of a second later."""


_IS_CUT = """async name => {
  const file = document.querySelector("#logo").files[0];
  return file.name === name && (await createImageBitmap(file)).width === 200;
}"""


def test_a_logo_of_any_size_is_cut_by_the_keyboard(console: ConsoleTabs) -> None:
    page = console.signed_in("admin", "/console/labels/new")
    for size, kind in (((900, 400), "JPEG"), ((300, 1200), "WEBP"), ((64, 64), "PNG")):
        chosen = picture(*size, kind) | {"name": f"of {kind}.{kind.lower()}"}
        page.get_by_label("2. Logo").set_input_files(chosen)  # type: ignore[arg-type] - a file payload
        expect(page.locator("[data-crop]")).to_be_visible()
        expect(page.locator("#logo-hint")).to_contain_text("Smaller pictures are enlarged and look blurred.")
        expect(page.get_by_text("of exactly")).to_have_count(0)
        expect(page.locator("[data-phone-logo]")).to_be_visible()
        page.wait_for_function(_IS_CUT, arg=f"of {kind}.png")
        cut = sent_logo(page)
        assert (cut.format, cut.size) == ("PNG", (200, 200))
        assert [cut.convert("RGB").getpixel((x, 100))[0] > 200 for x in (90, 110)] == [True, False]  # type: ignore[index] - a colour
        page.get_by_label("Size").press("End")
        page.get_by_label("Left or right").press("Home")
        expect(page.get_by_label("Left or right")).to_have_js_property("value", "-100")
        page.wait_for_function(_IS_CUT, arg=f"of {kind}.png")
    looked_at(page)


def test_a_logo_that_fits_is_sent_as_it_is_the_last_choice_counts_and_what_is_no_picture_is_told(
    console: ConsoleTabs,
) -> None:
    page = console.signed_in("admin", "/console/labels/new")
    fitting = picture(200, 200, "PNG")
    page.get_by_label("2. Logo").set_input_files(fitting)  # type: ignore[arg-type] - a file payload
    expect(page.locator("[data-phone-logo]")).to_be_visible()
    expect(page.locator("[data-crop]")).to_be_hidden()
    read = """async () => [...new Uint8Array(await document.querySelector("#logo").files[0].arrayBuffer())]"""
    assert bytes(page.evaluate(read)) == fitting["buffer"]
    page.evaluate(_LARGE_IS_SLOW)
    for chosen in (picture(400, 300, "JPEG") | {"name": "large.jpeg"}, fitting):
        page.get_by_label("2. Logo").set_input_files(chosen)  # type: ignore[arg-type] - a file payload
    page.evaluate("readLarge()")
    expect(page.locator("[data-crop]")).to_be_hidden()
    assert bytes(page.evaluate(read)) == fitting["buffer"]
    broken = {"name": "logo.png", "mimeType": "image/png", "buffer": b"not a picture"}
    page.get_by_label("2. Logo").set_input_files(broken)  # type: ignore[arg-type] - a file payload
    expect(page.get_by_text("cannot open this file")).to_be_visible()


def test_a_logo_is_not_cut_by_a_browser_that_gives_pages_other_pictures(console: ConsoleTabs) -> None:
    page = console.signed_in()
    page.add_init_script("""
        CanvasRenderingContext2D.prototype.getImageData = (x, y, width, height) =>
            new ImageData(crypto.getRandomValues(new Uint8ClampedArray(width * height * 4)), width, height);
    """)
    page.goto("/console/labels/new")
    large = picture(640, 320, "JPEG")
    page.get_by_label("2. Logo").set_input_files(large)  # type: ignore[arg-type] - a file payload
    expect(page.get_by_text("so this one cannot be cut here")).to_be_visible()
    expect(page.locator("[data-crop]")).to_be_hidden()
    read = """async () => [...new Uint8Array(await document.querySelector("#logo").files[0].arrayBuffer())]"""
    assert bytes(page.evaluate(read)) == large["buffer"]
