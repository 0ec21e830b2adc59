"""Debian's Chromium, driven through Playwright, against the demo server."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from support.browser import (
    CHROMIUM,
    CHROMIUM_ARGUMENTS,
    COLLECTION,
    DESKTOP,
    PAGE,
    PATIENCE_MS,
    DemoServer,
    Visit,
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    # Not for the whole session: its event loop would stand in the way of asynchronous tests.
    if not CHROMIUM.exists():
        pytest.skip("no /usr/bin/chromium: install the Debian package chromium")
    if not PAGE.exists():
        pytest.skip("the page is not built: run `npm run build` in frontend/")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser, demo_server: DemoServer) -> Iterator[Callable[..., Visit]]:
    """Opens pages that record console errors and CSP violations; both must be empty at the end."""
    visits: list[Visit] = []

    def start(**context_options: Any) -> Visit:
        context = chromium.new_context(
            **{"viewport": DESKTOP, "reduced_motion": "reduce", **context_options}
        )
        context.add_init_script(
            "window.cspViolations = [];"
            "document.addEventListener('securitypolicyviolation', (event) =>"
            "  window.cspViolations.push(`${event.violatedDirective} ${event.blockedURI}`));"
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        visit = Visit(page, demo_server.url)
        page.on(
            "console",
            lambda message: (
                visit.console_errors.append(message.text) if message.type == "error" else None
            ),
        )
        page.on("pageerror", lambda error: visit.console_errors.append(str(error)))
        visits.append(visit)
        return visit

    yield start
    for visit in visits:
        assert visit.csp_violations() == []
        assert visit.console_errors == []
        visit.page.context.close()


@pytest.fixture
def visit(open_page: Callable[..., Visit]) -> Visit:
    opened = open_page()
    opened.goto()
    return opened


@pytest.fixture(scope="module")
def dates(demo_server: DemoServer) -> list[str]:
    """Days of the demo series that the server knows."""
    api = f"{demo_server.url}/api/collections/{COLLECTION}"
    bbox = ",".join(str(value) for value in httpx.get(api).raise_for_status().json()["bbox"])
    answer = httpx.get(f"{api}/dates", params={"bbox": bbox}).raise_for_status().json()
    days = [entry["date"] for entry in answer["dates"]]
    assert len(days) >= 2
    assert days == sorted(set(days))
    return days
