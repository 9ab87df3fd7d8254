"""A real Chromium in front of the real server, over a seeded house."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.console.conftest import house
from tests.console.seed import House
from tests.live import live_server

__all__ = ["house"]

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAME, PASSWORD = "sam", "a long password"


@pytest.fixture
def server(clean: str) -> Iterator[str]:
    """The address of the real web server, in a thread of this process."""
    from django.contrib.auth.models import User

    User.objects.filter(username=NAME).delete()
    User.objects.create_superuser(NAME, "", PASSWORD)
    with live_server() as address:
        yield address


@pytest.fixture
def faults() -> list[str]:
    """What went wrong in the browser: errors of scripts, and requests to another host."""
    return []


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A running Chromium."""
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}: install it, or name another one with CHROMIUM=")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        # The loop that drives it is not one in which Django would wait for its database.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def browser_page(server: str, faults: list[str], chromium: Any) -> Iterator[Any]:
    """A page of Chromium that may reach this server only."""

    def watch_request(request: Any) -> None:
        if not request.url.startswith((server, "data:", "blob:")):
            faults.append(f"asked {request.url}")

    def watch_answer(answer: Any) -> None:
        if answer.status >= 400:
            faults.append(f"{answer.status} {answer.url}")

    def watch_dialog(dialog: Any) -> None:
        faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    context = chromium.new_context(base_url=server, viewport={"width": 1360, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.on("request", watch_request)
    page.on("response", watch_answer)
    page.on("dialog", watch_dialog)
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    yield page
    context.close()


@pytest.fixture
def page(house: House, browser_page: Any) -> Any:
    """A page in which sam has logged in to a seeded house."""
    log_in(browser_page)
    return browser_page


@pytest.fixture
def picture(request: pytest.FixtureRequest) -> Callable[[Any], None]:
    """Keeps a picture of the page where EMBEDHUB_TEST_PICTURES names a folder, to be looked at."""
    folder = os.environ.get("EMBEDHUB_TEST_PICTURES")
    taken: list[int] = []

    def take(page: Any) -> None:
        if folder:
            taken.append(1)
            name = f"{request.node.name}-{len(taken)}.png".replace("/", "_")
            page.screenshot(path=Path(folder) / name, full_page=True)

    return take


def log_in(page: Any) -> None:
    """Log sam in through the form."""
    page.goto("/admin/")
    page.get_by_label("Username").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/admin/")
