"""The pages as a person sees them: two widths, light and dark, and on paper."""

import base64

import numpy as np
import pytest

from tests import browsers
from tests.report.sample_pages import HOSTILE, comparison_page, full_report
from tftrain.report import plots, render, render_comparison

WIDTHS = {"wide": 1280, "narrow": 390}
LIGHT, DARK = "rgb(255, 255, 255)", "rgb(22, 24, 27)"


@pytest.fixture(scope="module")
def browser():
    yield from browsers.chromium()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Addresses of a run's page and of a comparison's, with names that are hard to lay out."""
    folder = tmp_path_factory.mktemp("pages")
    long = "one_very_long_name_without_a_break_" * 4
    wide = plots.image_grid(np.zeros((8, 4, 4, 1)), ["drawn"] * 8)
    config = {"model": long, "dataset": HOSTILE, "data_dir": None}
    figures = dict.fromkeys(("quality", "speed"), wide)
    written = {
        "run": render(full_report(title=long, folder=long, config=config, figures=figures)),
        "comparison": render_comparison(comparison_page((long, HOSTILE), figure=wide)),
    }
    for name, page in written.items():
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    return {name: (folder / f"{name}.html").as_uri() for name in written}


def show(browser, address, width, scheme, media="screen"):
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(address)


def ground(browser):
    return browser.execute_script("return getComputedStyle(document.body).backgroundColor")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("page", ["run", "comparison"])
def test_it_fits_and_shows_all_its_pictures(browser, pages, page, width, scheme):
    show(browser, pages[page], width, scheme)
    widths = "const { scrollWidth, clientWidth } = document.documentElement;"
    assert browser.execute_script(f"{widths} return scrollWidth <= clientWidth")
    loaded = "return [...document.images].map(one => one.complete && one.naturalWidth > 0)"
    pictures = browser.execute_script(loaded)
    assert pictures
    assert all(pictures)
    assert ground(browser) == (LIGHT if scheme == "light" else DARK)
    assert browser.get_log("browser") == []


CONTRAST = """
const channel = c => (c /= 255) <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
const light = ([r, g, b]) => .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
const numbers = text => text.match(/[\\d.]+/g).map(Number);
const groundOf = element => {
  const layers = [];
  for (let each = element; each; each = each.parentElement)
    layers.unshift(numbers(getComputedStyle(each).backgroundColor));
  return layers.reduce((under, [r, g, b, a = 1]) =>
    [r, g, b].map((c, i) => a * c + (1 - a) * under[i]), [255, 255, 255]);
};
const found = [...document.querySelectorAll("h1, h2, p, a, dt, dd, th, td, span, code, li")]
  .filter(each => each.textContent.trim().length > 1 || /\\d/.test(each.textContent))
  .map(each => {
    const pair = [light(numbers(getComputedStyle(each).color)), light(groundOf(each))];
    return [(Math.max(...pair) + .05) / (Math.min(...pair) + .05), each.outerHTML.slice(0, 200)];
  });
return found.sort(([a], [b]) => a - b)[0];
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_its_ground(browser, pages, scheme):
    show(browser, pages["run"], WIDTHS["wide"], scheme)
    ratio, element = browser.execute_script(CONTRAST)
    assert ratio > 4.5, element  # WCAG 2.1, 1.4.3


def test_paper_is_white_and_shows_whole_tables(browser, pages):
    show(browser, pages["run"], 740, "dark", media="print")
    assert ground(browser) == LIGHT
    hidden = """return [...document.querySelectorAll(".scroll, .picture")]
        .filter(each => getComputedStyle(each).overflowX != "visible").length"""
    assert browser.execute_script(hidden) == 0
    printed = browser.execute_cdp_cmd("Page.printToPDF", {})
    assert base64.b64decode(printed["data"]).startswith(b"%PDF")
