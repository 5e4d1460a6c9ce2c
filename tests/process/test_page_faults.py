"""What users of the page ran into, in a real browser, on cameras without a model."""

from __future__ import annotations

import pytest

from streamer.client import Client
from streamer.web.serve_app import serving
from tests.process.web.conftest import serve_settings
from tests.requirements import program, require
from tests.waiting import wait

pytestmark = pytest.mark.timeout(120)
CANVAS = "#live canvas"
BLOCK_STORAGE = 'Object.defineProperty(window, "localStorage", { get() { throw new DOMException("blocked"); } });'
HIDE = """(hidden) => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""
BROKEN_H264 = """
    window.VideoDecoder = class {
        constructor(on) { this.on = on; this.state = "configured"; }
        configure() {}
        close() { this.state = "closed"; }
        decode() { this.state = "closed"; this.on.error(new DOMException("not supported")); }
    };
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with serving(serve_settings(tmp_path_factory.mktemp("page"))) as (_, server):
        yield server.url


@pytest.fixture(scope="module")
def browser():
    require("browser", program("chromium"), "apt-get install --no-install-recommends chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, url):
    contexts = []

    def open_page(camera="a", script="", **options):
        context = browser.new_context(viewport={"width": 1200, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(script)
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.goto(f"{url}/#camera={camera}")
        return page

    with Client(url) as client:
        for camera in ("a", "b"):
            client._ask("DELETE", f"/cameras/{camera}/objects")
    yield open_page
    for context in contexts:
        context.close()


def wait_for_frame(page):
    page.locator(f"{CANVAS}[data-index]").wait_for()


def objects(url, camera="a"):
    with Client(url) as client:
        return [entry["id"] for entry in client.objects(camera)]


def middle(page):
    box = page.locator(CANVAS).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def fingers(page):
    """A function that puts fingers on the page, moves them and takes them off."""
    session = page.context.new_cdp_session(page)

    def touch(kind, *points):
        places = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    return touch


def test_with_storage_blocked_the_page_is_not_blank(open_page):
    page = open_page(script=BLOCK_STORAGE)
    wait_for_frame(page)
    page.get_by_text("Drawing").click()
    page.get_by_label("Labels", exact=True).uncheck()
    assert page.errors == []


def test_a_double_click_makes_one_object(open_page, url):
    page = open_page()
    wait_for_frame(page)
    page.mouse.dblclick(*middle(page))
    page.locator(f'{CANVAS}:not([data-objects=""])').wait_for()
    page.wait_for_timeout(500)
    assert len(objects(url)) == 1


def test_two_fingers_and_a_swipe_make_no_box_and_a_tap_makes_an_object(open_page, url):
    page = open_page(has_touch=True)
    wait_for_frame(page)
    (x, y), touch = middle(page), fingers(page)
    touch("touchStart", (x - 40, y), (x + 40, y))
    touch("touchMove", (x - 90, y - 30), (x + 90, y + 30))
    touch("touchEnd")
    touch("touchStart", (x, y))
    for step in range(1, 6):
        touch("touchMove", (x + 6 * step, y - 20 * step))
    touch("touchEnd")
    page.wait_for_timeout(400)
    assert objects(url) == []
    page.touchscreen.tap(*middle(page))
    page.locator(f'{CANVAS}:not([data-objects=""])').wait_for()
    assert page.errors == []


def test_a_finger_draws_a_box_in_the_mode_for_it(open_page, url):
    page = open_page(has_touch=True)
    wait_for_frame(page)
    page.get_by_label("draws a box").check()
    (x, y), touch = middle(page), fingers(page)
    touch("touchStart", (x - 60, y - 60))
    for step in range(1, 6):
        touch("touchMove", (x - 60 + 20 * step, y - 60 + 20 * step))
    touch("touchEnd")
    page.locator(f'{CANVAS}:not([data-objects=""])').wait_for()
    assert len(objects(url)) == 1


def test_a_browser_that_cannot_decode_h264_gets_jpeg_and_is_told(open_page):
    page = open_page(script=BROKEN_H264 + 'localStorage.setItem("streamer.images", \'"h264"\');')
    page.locator("#hint.bad", has_text="cannot decode").wait_for()
    wait_for_frame(page)
    assert page.get_by_label("Image format").input_value() == "jpeg"


def test_keys_work_after_a_checkbox_was_touched(open_page):
    page = open_page()
    wait_for_frame(page)
    page.get_by_text("Drawing").click()
    page.get_by_label("Trails", exact=True).uncheck()
    page.keyboard.press("p")
    page.locator(".view.paused", has_text="Tracking is paused").wait_for()
    page.keyboard.press("p")
    page.locator(".view:not(.paused)").first.wait_for()


def test_a_click_while_tracking_is_paused_resumes_it_and_the_image_is_not_greyed(open_page, url):
    page = open_page()
    wait_for_frame(page)
    page.keyboard.press("p")
    page.locator("#live .view.paused:not(.stale)").wait_for()
    page.mouse.click(*middle(page))
    page.locator(f'{CANVAS}:not([data-objects=""])').wait_for()
    with Client(url) as client:
        assert client.camera("a")["paused"] is False


def test_choices_of_drawing_are_kept(open_page):
    page = open_page()
    wait_for_frame(page)
    page.get_by_text("Drawing").click()
    page.get_by_label("Opacity").fill("80")
    page.get_by_label("Labels", exact=True).uncheck()
    page.reload()
    wait_for_frame(page)
    page.get_by_text("Drawing").click()
    assert page.get_by_label("Opacity").input_value() == "80"
    assert not page.get_by_label("Labels", exact=True).is_checked()


def test_undo_is_off_with_nothing_to_undo(open_page):
    page = open_page()
    wait_for_frame(page)
    undo = page.get_by_role("button", name="Undo")
    assert undo.is_disabled()
    page.mouse.click(*middle(page))
    page.locator("#undo:not([disabled])").wait_for()
    page.get_by_role("button", name="Remove all objects").click()
    page.locator("#undo[disabled]").wait_for(state="attached")


def test_an_unknown_camera_in_the_address_is_said(open_page):
    page = open_page("nowhere")
    page.locator("#error", has_text="There is no camera “nowhere”").wait_for()


def test_a_hidden_tab_receives_nothing(open_page, url):
    page = open_page("b")
    wait_for_frame(page)
    page.evaluate(HIDE, True)
    with Client(url) as client:
        wait(lambda: client.camera("b")["readers"] == 0)
    before = int(page.locator(CANVAS).get_attribute("data-index"))
    page.evaluate(HIDE, False)
    wait(lambda: int(page.locator(CANVAS).get_attribute("data-index")) > before + 2)
