"""A real Chromium at the pages of a real server: the world's API on a port of its own."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator

import pytest
import uvicorn
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from api.app import create_app
from api.context import Context
from local.processes import free_port
from settings import Settings
from tests.world import eventually

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
_FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all tests of the process; each test has a context, and so a profile, of its own."""
    if shutil.which(CHROMIUM) is None:
        pytest.fail(f"No Chromium at {CHROMIUM}: install it, or name it in the environment as CHROMIUM.")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The mails' links lead to the port that the browser reaches."""
    return settings.model_copy(update={"base_url": f"http://127.0.0.1:{free_port()}"})


@pytest.fixture
async def site(context: Context, settings: Settings) -> AsyncIterator[str]:
    """Where the pages are served."""
    port = int(settings.base_url.rpartition(":")[2])
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(context),
            port=port,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=1,
        )
    )
    running = asyncio.create_task(server.serve())
    await eventually(lambda: server.started)
    yield settings.base_url
    server.should_exit = True
    await running


@pytest.fixture
async def visitor(browser: Browser, site: str) -> AsyncIterator[BrowserContext]:
    """Somebody at a desk, reading Japanese."""
    async with await browser.new_context(viewport=DESKTOP, locale="ja-JP", base_url=site) as context:  # type: ignore[arg-type]  # a ViewportSize in all but name
        context.set_default_timeout(10_000)
        yield context


@pytest.fixture
async def page(visitor: BrowserContext) -> Page:
    return await visitor.new_page()
