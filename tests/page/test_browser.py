"""A page in a real browser: no error, no request, charts that are drawn and can be zoomed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.page.write import html
from tests.page.pages import HOSTILE, hostile

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
DRIVER, BROWSER = shutil.which("chromedriver"), shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(DRIVER is None or BROWSER is None, reason="no chromium with its driver is installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def opened(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(html(hostile()), encoding="utf-8")
    browser.get(file.as_uri())
    return browser


def test_it_opens_without_an_error_and_asks_nobody(opened: Any) -> None:
    assert opened.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    asked = [one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert opened.execute_script("return window.broken ?? null") is None
    assert HOSTILE in opened.find_element("tag name", "body").text


def test_its_charts_are_drawn(opened: Any) -> None:
    painted = """
        return [...document.querySelectorAll('.chart')].map((chart) => [...chart.querySelectorAll('canvas')].some((canvas) => {
            const pixels = canvas.width && canvas.height
                ? new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer) : [];
            return new Set(pixels).size > 3;
        }))
    """
    wait(opened, f"return (() => {{ {painted} }})().every(Boolean)")
    assert opened.execute_script(painted) == [True, True]


def test_a_trade_is_shown_and_the_chart_zooms(opened: Any) -> None:
    width = "const range = page.drawn.prices.chart.timeScale().getVisibleLogicalRange(); return range.to - range.from"
    opened.find_element("id", "whole").click()
    wait(opened, f"return (() => {{ {width} }})() > 300")
    opened.find_element("css selector", "#listing-0 tbody button").click()
    wait(opened, f"return (() => {{ {width} }})() < 150")
    assert opened.find_elements("css selector", "#listing-0 tr.chosen")
    assert [one for one in opened.get_log("browser") if one["source"] != "rendering"] == []  # of the test's own reading


def test_another_pair_has_its_own_trades(opened: Any) -> None:
    names = opened.execute_script(
        "const box = document.getElementById('pair'); box.selectedIndex = 1; box.dispatchEvent(new Event('change'));"
        "return [...document.querySelectorAll('#listing-0 tbody tr')].map((row) => row.children[2].textContent)"
    )
    chosen = opened.execute_script("return document.getElementById('pair').selectedOptions[0].textContent")
    assert names
    assert set(names) == {chosen.split(" ")[0]}


def test_trades_are_saved_as_csv(opened: Any) -> None:
    text = opened.execute_script("return page.csv(0)")
    lines = text.splitlines()
    assert lines[0].startswith("entry_time,symbol,side,pnl,pnl_r,exit_reason,entry_price")
    assert len(lines) == 41
    assert lines[1].startswith("2025-01-")


@pytest.mark.parametrize("width", [1400, 390])
def test_nothing_is_wider_than_the_screen(opened: Any, width: int) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    assert opened.execute_script("return document.documentElement.scrollWidth") <= width


def wait(browser: Any, condition: str) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(browser, 60).until(lambda one: one.execute_script(condition))


def test_the_test_finds_an_error(browser: Any, tmp_path: Path) -> None:
    """What would be found is found: a page that throws, and asks."""
    file = tmp_path / "bad.html"
    file.write_text("<script>throw new Error('here')</script>", encoding="utf-8")
    browser.get(file.as_uri())
    assert any("here" in entry["message"] for entry in browser.get_log("browser"))
