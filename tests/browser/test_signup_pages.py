"""Signing up in a real browser, and what every page is to people who see, hear or hold it differently."""

from collections.abc import AsyncIterator

import pytest
from axe_playwright_python.async_playwright import Axe
from httpx2 import AsyncClient
from playwright.async_api import Browser, Page
from sqlalchemy import select

from models.tables.people import StaffMember
from tests.accounts import ADDRESS, make_person, make_staff
from tests.api.test_notification_addresses import NEW as NOTIFICATIONS
from tests.api.test_notification_addresses import URL as ADDRESSES
from tests.api.test_notification_addresses import typed
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.filling import (
    APPLICANT,
    PASSWORD,
    PROFILE,
    fill,
    fill_application,
    invitation_url,
    mailed_link,
    send,
    signup_url,
)
from tests.world import TENANT, World

NEW = "jiro@partner.example"
NOBODY = f"/links/{TENANT}-{'x' * 43}"


@pytest.fixture
async def signup(api: AsyncClient, staff: dict[str, str], world: World, site: str) -> str:
    url = await signup_url(api, staff, world, NEW)
    assert url.startswith(site)
    return url


async def signup_state(world: World) -> str:
    async with world.database.transaction(TENANT) as connection:
        found = await connection.execute(select(StaffMember.signup_state).where(StaffMember.mail_address == NEW))
        return found.scalar_one()


@pytest.mark.requirement("TEN-03")
async def test_staff_register_in_two_steps_without_javascript(browser: Browser, signup: str, world: World) -> None:
    """Back keeps what was entered; the password is on no page and in no address."""
    async with await browser.new_context(java_script_enabled=False) as context:
        page = await context.new_page()
        await page.goto(signup)
        await fill(page, PROFILE)
        await send(page)
        assert PASSWORD not in await page.content()
        await page.click("button[value=back]")
        assert await page.input_value("[name=user_name]") == "山田　次郎"
        await fill(page, {"department": "営業部"})
        await send(page)
        await page.click("button[value=register]")
        await page.wait_for_selector(".outcome.done")
        assert page.url == signup
    assert await signup_state(world) == "registered"


@pytest.mark.requirement("GEN-06")
async def test_scanners_register_nobody(page: Page, signup: str, world: World) -> None:
    """The form needs a password, and the step after it another press."""
    await page.goto(signup)
    await send(page)
    assert await page.locator(".notice.wrong").count() == 1
    assert await signup_state(world) == "signup_open"


@pytest.fixture
async def every_page(
    page: Page, api: AsyncClient, staff: dict[str, str], world: World, signup: str
) -> list[tuple[str, dict[str, str]]]:
    """Where each page and state is: its address, and what is typed there before the button is pressed."""
    form = await invitation_url(api, staff)
    await page.goto(form)
    await fill_application(page)
    await send(page)
    await page.wait_for_selector(".outcome.done")
    await make_staff(world, await make_person(world))
    await api.post("/v1/password-resets", json={"mail_address": ADDRESS})
    await api.put(ADDRESSES, json=typed(NOTIFICATIONS), headers=staff)
    mailed = [await mailed_link(world, address) for address in (APPLICANT, ADDRESS, NOTIFICATIONS)]
    return [(form, {}), (signup, {}), (signup, PROFILE), *((link, {}) for link in mailed), (NOBODY, {})]


async def states(page: Page, every_page: list[tuple[str, dict[str, str]]], language: str) -> AsyncIterator[str]:
    """Every page as it opens, and after its button has been pressed."""
    for address, entered in every_page:
        await page.goto(f"{address}?lang={language}")
        yield f"{await page.title()} ({language})"
        if await page.locator("button.main").count():
            await fill(page, entered)
            await send(page)
            yield f"{await page.title()} ({language}, pressed)"


@pytest.mark.parametrize(("scheme", "language"), [("light", "ja"), ("dark", "en")])
async def test_no_page_shuts_anybody_out(
    browser: Browser, site: str, every_page: list[tuple[str, dict[str, str]]], scheme: str, language: str
) -> None:
    """Nothing that axe can find: contrast, names, labels, structure; in both languages, light and dark."""
    async with await browser.new_context(color_scheme=scheme, viewport=DESKTOP, base_url=site) as context:  # type: ignore[arg-type]  # likewise
        page = await context.new_page()
        async for name in states(page, every_page, language):
            found = await Axe().run(page)
            assert found.violations_count == 0, f"{name}: {found.generate_report()}"


async def test_every_page_fits_a_phone(
    browser: Browser, site: str, every_page: list[tuple[str, dict[str, str]]]
) -> None:
    """At 360 pixels nothing runs over the edge, and every button and field is high enough for a finger."""
    async with await browser.new_context(viewport=PHONE, is_mobile=True, has_touch=True, base_url=site) as context:  # type: ignore[arg-type]  # likewise
        page = await context.new_page()
        for language in ("ja", "en"):
            async for name in states(page, every_page, language):
                assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
                small = await page.evaluate(
                    "[...document.querySelectorAll('button, select, textarea, input, a.switch, summary')]"
                    ".filter(e => e.checkVisibility() && e.type != 'hidden' && e.type != 'checkbox')"
                    ".filter(e => !e.classList.contains('unseen') && e.getBoundingClientRect().height < 44)"
                    ".map(e => e.outerHTML)"
                )
                assert small == [], name
