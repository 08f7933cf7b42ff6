"""The page in a real browser, with the mouse and with files, in two widths."""

import contextlib
import json
import shutil

import numpy as np
import pytest
import requests
from PIL import Image

from tests import browsers
from tests.serve import image_models
from tests.serve.rest_servers import running

WIDE, NARROW = (1100, 800), (390, 800)
UPRIGHT = [(0.5, 0.2), (0.52, 0.8)]
FLAT = [(0.2, 0.5), (0.8, 0.52)]


@pytest.fixture(scope="module")
def server(exported, tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    shutil.copytree(exported / "1", folder / "sample" / "1")
    image_models.write_strokes(folder / "strokes" / "1")
    image_models.write_colours(folder / "colours" / "1")
    with running({name: folder / name for name in ("strokes", "colours", "sample")}) as server:
        server.folder = folder
        yield server


@pytest.fixture(scope="module")
def browser():
    yield from browsers.chromium()


class Page:
    """What a person does with the page, and sees of it."""

    def __init__(self, browser, url, size):
        width, height = size
        self._browser = browser
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        browser.get(url)
        self.until(lambda: self.text("about"))

    def find(self, name):
        return self._browser.find_element("id", name)

    def text(self, name):
        return self.find(name).text

    def choose(self, name, value):
        from selenium.webdriver.support.ui import Select

        Select(self.find(name)).select_by_value(value)

    def model(self, name):
        self.choose("models", name)
        self.until(lambda: self._browser.title.startswith(name))

    def draw(self, *strokes):
        from selenium.webdriver.common.action_chains import ActionChains

        canvas = self.find("canvas")
        side = canvas.size["width"]
        for stroke in strokes:
            mouse = ActionChains(self._browser, duration=20)
            for place, (x, y) in enumerate(stroke):
                mouse.move_to_element_with_offset(
                    canvas, int((x - 0.5) * side), int((y - 0.5) * side)
                )
                if not place:
                    mouse.click_and_hold()
            mouse.release().perform()

    def upload(self, path):
        self.find("file").send_keys(str(path))

    def drop(self, path):
        script = """const given = new DataTransfer();
            given.items.add(new File([new Uint8Array(arguments[0])], "dropped.png"));
            const event = new DragEvent("drop", { dataTransfer: given, bubbles: true });
            document.getElementById("canvas").dispatchEvent(event);"""
        self._browser.execute_script(script, list(path.read_bytes()))

    def bars(self):
        """Names and shares as the page shows them."""
        names, shares = (
            [one.text for one in self._browser.find_elements("css selector", f"#bars .{kind}")]
            for kind in ("name", "share")
        )
        return dict(zip(names, shares, strict=True))

    def seen(self):
        """The small picture of what the model sees: [H, W, 3]."""
        script = """const { width, height } = document.getElementById("seen");
            const context = document.getElementById("seen").getContext("2d");
            return [height, width, ...context.getImageData(0, 0, width, height).data];"""
        height, width, *pixels = self._browser.execute_script(script)
        return np.reshape(pixels, (height, width, 4))[..., :3]

    def until(self, condition):
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self._browser, 20).until(lambda _: condition())

    def complaints(self):
        """What the browser says of the page, of its policy too."""
        log = self._browser.get_log("browser")
        return [entry["message"] for entry in log if entry["level"] == "SEVERE"]


@pytest.fixture
def page(browser, server):
    pages = []

    def opened(size=WIDE):
        pages.append(Page(browser, server.url, size))
        return pages[-1]

    yield opened
    assert not pages[-1].complaints()


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_a_drawing_is_predicted_with_a_bar_for_each_class(page, size):
    page = page(size)
    page.model("strokes")
    page.until(lambda: list(page.bars()) == image_models.STROKES)
    for stroke, name in ((UPRIGHT, "upright"), (FLAT, "flat")):
        page.find("clear").click()
        page.draw(stroke)
        page.until(lambda name=name: page.text("label") == name)
        shares = {key: float(share.rstrip("%")) for key, share in page.bars().items()}
        assert shares[name] > 90
        assert sum(shares.values()) == pytest.approx(100, abs=0.2)
        assert "strokes, version 1" in page.text("told")
        assert "ms" in page.text("told")
        assert "softmax" not in page.text("told")
    inside = "return document.documentElement.scrollWidth <= innerWidth"
    assert page._browser.execute_script(inside)


def test_a_drawing_is_scaled_and_centred_as_digits_are(page):
    page = page()
    page.model("strokes")
    for stroke in ([(0.1, 0.1), (0.12, 0.3)], [(0.8, 0.3), (0.82, 0.9)]):
        page.find("clear").click()
        page.draw(stroke)
        page.until(lambda: page.text("label") == "upright")
        rows, columns = np.nonzero(page.seen()[..., 0] > 100)
        assert 18 <= np.ptp(rows) + 1 <= 21
        assert abs(rows.mean() - 13.5) < 1
        assert abs(columns.mean() - 13.5) < 1
        assert len(np.unique(page.seen()[..., 0])) > 5, "the edges are smooth"


@pytest.mark.parametrize("how", ["upload", "drop"])
def test_a_picture_of_the_right_size_is_seen_as_it_is(page, how, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    pixels[[0, -1]] = pixels[:, [0, -1]] = 0
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    page = page()
    page.model("strokes")
    getattr(page, how)(tmp_path / "noise.png")
    page.until(lambda: page.text("label") in image_models.STROKES)
    np.testing.assert_allclose(page.seen()[..., 0], pixels, atol=1)


def test_dark_on_light_is_swapped_and_can_be_swapped_back(page, tmp_path):
    pixels = np.full((200, 200, 3), 255, np.uint8)
    pixels[90:110, 20:180] = 0
    Image.fromarray(pixels).save(tmp_path / "paper.jpg")
    page = page()
    page.model("strokes")
    page.upload(tmp_path / "paper.jpg")
    page.until(lambda: page.text("label") == "flat")
    assert page.seen()[0, 0, 0] < 10
    page.find("invert").click()
    page.until(lambda: page.seen()[0, 0, 0] > 245)


def test_colours_of_a_picture_count_and_softmax_is_told(page, tmp_path):
    green = np.zeros((30, 60, 3), np.uint8)
    green[..., 1] = 255
    Image.fromarray(green).save(tmp_path / "green.png")
    page = page(NARROW)
    page.model("colours")
    page.upload(tmp_path / "green.png")
    page.until(lambda: page.text("label") == "1")
    assert page.bars()["1"] == "100.0%"
    assert "softmax of the outputs" in page.text("told")
    assert page.text("size").endswith("16, in colour")


def test_what_is_no_picture_is_said_in_words(page, tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    page = page()
    page.model("strokes")
    page.upload(tmp_path / "notes.txt")
    page.until(lambda: "notes.txt is no image" in page.text("error"))


def test_any_model_has_a_request_to_edit(page):
    page = page()
    page.model("sample")
    page.until(lambda: page.find("request").is_displayed())
    assert not page.find("draw").is_displayed()
    assert json.loads(page.find("body").get_attribute("value")) == {"instances": [[0, 0]]}
    page.find("send").click()
    page.until(lambda: "100.0" in page.text("answer"))
    assert json.loads(page.text("answer")) == {"predictions": [[100.0, 100.0]]}
    assert page.text("sent").startswith("sample, version 1")
    for signature in ("two", "strings"):
        page.choose("signatures", signature)
        page.find("send").click()
        page.until(lambda: page.text("answer").startswith('{"predictions"'))


def test_a_refusal_is_shown_in_the_words_of_the_server(page, server):
    page = page()
    page.model("sample")
    page.find("body").clear()
    page.find("body").send_keys('{"instances": [1')
    page.find("send").click()
    page.until(lambda: "Missing a comma or ]" in page.text("error"))
    assert page.text("error").startswith("The server refused it (400)")
    (complaint,) = page.complaints()
    assert "400" in complaint


def test_a_newer_version_takes_over_while_the_page_is_open(page, server):
    page = page()
    page.model("colours")
    versions = server.folder / "colours"
    shutil.copytree(versions / "1", versions / ".tmp-2")
    (versions / ".tmp-2").rename(versions / "2")
    page.until(lambda: requests.get(f"{server.url}/v1/models/colours/versions/1", timeout=20)
               .json()["model_version_status"][0]["state"] == "END")  # fmt: skip
    page.draw(UPRIGHT)
    page.until(lambda: "colours, version 2" in page.text("told"))
    page.complaints()  # the browser tells of the 404 by which the page learned it


def test_a_server_that_is_gone_is_told(browser, exported, tmp_path):
    with contextlib.ExitStack() as life:
        shutil.copytree(exported / "1", tmp_path / "sample" / "1")
        server = life.enter_context(running({"sample": tmp_path / "sample"}))
        page = Page(browser, server.url, WIDE)
    page.find("send").click()
    page.until(lambda: "The server does not answer" in page.text("error"))
    page.complaints()


def test_the_page_may_run_its_own_script_alone(server):
    response = requests.get(server.url, timeout=20)
    policy = response.headers["Content-Security-Policy"]
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert "//" not in policy
    assert "http" not in response.text.replace("http-equiv", ""), "nothing comes from elsewhere"
