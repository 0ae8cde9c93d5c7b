"""The report of the demo as its readers meet it, in a browser without a screen.

Left out where there is no Chromium, or where `make demo` has not been run.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import element_to_be_clickable
from selenium.webdriver.support.ui import WebDriverWait

REPORT = Path(__file__).resolve().parents[1] / "results/demo/report.html"
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
CATEGORIES = [
    *("01 Summary", "02 Fit and skill", "03 Predictor groups", "04 Trait axes", "05 Attribution"),
    *("06 Projection", "07 Carbon cycle", "08 Parameters", "09 Experiments", "10 Truth"),
    *("11 Driver", "12 Training"),
]

LOADED_WIDTH = "const image = arguments[0]; return image.decode().then(() => image.naturalWidth)"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="no Chromium here"),
    pytest.mark.skipif(not REPORT.exists(), reason="the demo has not been run"),
]


@pytest.fixture(scope="module")
def started() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in (
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        *("--disable-background-networking", "--window-size=1400,1000"),
        # Whatever is not in the file is not found.
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(DRIVER))
    browser.set_script_timeout(60)
    yield browser
    browser.quit()


@pytest.fixture
def browser(started: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    """A browser that shows the beginning of the report; none of its console errors is let pass."""
    started.get_log("browser")
    started.get(REPORT.as_uri())
    WebDriverWait(started, 60).until(lambda page: page.find_elements(By.LINK_TEXT, CATEGORIES[0]))
    yield started
    errors = [entry for entry in started.get_log("browser") if entry["level"] == "SEVERE"]
    assert not errors


def go_to(browser: webdriver.Chrome, *names: str) -> None:
    """Follow names in the list of contents, from its beginning."""
    browser.find_element(By.CSS_SELECTOR, "a.hover\\:text-emerald-600").click()
    for name in names:
        WebDriverWait(browser, 20).until(element_to_be_clickable((By.LINK_TEXT, name))).click()


def eyes(browser: webdriver.Chrome) -> list[WebElement]:
    """What opens the results that are listed."""
    return browser.find_elements(By.CSS_SELECTOR, "a[iconname=eye]")


def test_it_begins_with_what_the_study_is(browser: webdriver.Chrome) -> None:
    text = browser.find_element(By.TAG_NAME, "body").text
    assert "DifferLand: demo" in text
    found = [link.text for link in browser.find_elements(By.CSS_SELECTOR, "a")]
    assert [name for name in found if name[:2].isdigit()][: len(CATEGORIES)] == CATEGORIES
    # The summary is one click away.
    browser.find_elements(By.LINK_TEXT, "01 Summary")[-1].click()
    WebDriverWait(browser, 20).until(eyes)
    assert len(eyes(browser)) == 2


def test_the_summary_is_read_inside_the_report(browser: webdriver.Chrome) -> None:
    go_to(browser, "01 Summary")
    WebDriverWait(browser, 20).until(eyes)
    eyes(browser)[0].click()
    frame = WebDriverWait(browser, 20).until(lambda page: page.find_element(By.TAG_NAME, "iframe"))
    browser.switch_to.frame(frame)
    WebDriverWait(browser, 20).until(lambda page: page.find_elements(By.TAG_NAME, "h1"))
    text = browser.find_element(By.TAG_NAME, "main").text
    for words in (
        "What ran, on what data",
        "640 in 40 patches",
        "Main numbers",
        "raw.products.ib_agc is null",
    ):
        assert words in text
    images = browser.find_elements(By.TAG_NAME, "img")
    assert len(images) == 5
    assert all(image.get_property("naturalWidth") > 300 for image in images)
    browser.switch_to.default_content()


def test_tables_are_sorted_by_a_click(browser: webdriver.Chrome) -> None:
    go_to(browser, "01 Summary")
    WebDriverWait(browser, 20).until(eyes)
    eyes(browser)[1].click()
    frame = WebDriverWait(browser, 20).until(lambda page: page.find_element(By.TAG_NAME, "iframe"))
    browser.switch_to.frame(frame)
    ready = WebDriverWait(browser, 60)
    ready.until(lambda page: page.find_elements(By.CSS_SELECTOR, "#table0 tbody tr td"))
    assert len(browser.find_elements(By.TAG_NAME, "h2")) > 15

    def first_column() -> list[str]:
        rows = browser.find_elements(By.CSS_SELECTOR, "#table0 tbody tr td:first-child")
        return [cell.text for cell in rows]

    assert set(first_column()) == {"PFT"}
    head = browser.find_element(By.CSS_SELECTOR, "#table0_wrapper .dt-scroll-head th")
    for expected in ("CLIM", "PFT+CLIM+SOIL+AGE"):
        head.click()
        ready.until(lambda _, setup=expected: set(first_column()) == {setup})
    browser.switch_to.default_content()


@pytest.mark.parametrize("category", CATEGORIES[1:])
def test_every_picture_is_shown(browser: webdriver.Chrome, category: str) -> None:
    go_to(browser, category)
    WebDriverWait(browser, 20).until(
        lambda page: eyes(page) or page.find_elements(By.PARTIAL_LINK_TEXT, "PFT")
    )
    links = browser.find_elements(By.CSS_SELECTOR, "a")
    setups = [link.text for link in links if link.text.split("+")[0] in ("PFT", "CLIM")]
    shown = 0
    for names in [[setup] for setup in setups] or [[]]:
        go_to(browser, category, *names)
        WebDriverWait(browser, 20).until(eyes)
        for number in range(len(eyes(browser))):
            eyes(browser)[number].click()
            for image in browser.find_elements(By.CSS_SELECTOR, "img"):
                if "logo" in image.get_attribute("src")[:80]:
                    continue
                assert browser.execute_script(LOADED_WIDTH, image)
                shown += 1
    assert shown
