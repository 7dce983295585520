"""From the invitation to the confirmation in a real browser, for everybody that comes with one."""

import pytest
from httpx2 import AsyncClient
from playwright.async_api import Browser, Page
from sqlalchemy import func, select

from models.tables.applications import ServiceApplication
from tests.browser.conftest import PHONE
from tests.browser.filling import (
    APPLICANT,
    COMPANY,
    CONTACT,
    HOUSE_NUMBER,
    REST,
    fill_application,
    invitation_url,
    mailed_link,
    send,
)
from tests.world import TENANT, World

CONFIRMED = {"ja-JP": "お申し込みを受け付けました", "en-US": "Your application has been received"}


@pytest.fixture
async def form(api: AsyncClient, staff: dict[str, str], site: str) -> str:
    url = await invitation_url(api, staff)
    assert url.startswith(site)
    return url


async def applications(world: World) -> int:
    async with world.database.transaction(TENANT) as connection:
        return (await connection.execute(select(func.count()).select_from(ServiceApplication))).scalar_one()


async def state(world: World) -> str:
    async with world.database.transaction(TENANT) as connection:
        return (await connection.execute(select(ServiceApplication.state))).scalar_one()


@pytest.mark.requirement("APP-02", "APP-06", "APP-08")
@pytest.mark.parametrize("locale", ["ja-JP", "en-US"])
async def test_an_application_is_sent_and_confirmed_on_a_phone_without_javascript(
    browser: Browser, form: str, world: World, locale: str
) -> None:
    """The town comes from the postal code, the destination from the company; nothing is fetched but the pages."""
    fetched: set[str] = set()
    async with await browser.new_context(viewport=PHONE, locale=locale, java_script_enabled=False) as context:  # type: ignore[arg-type]  # likewise
        page = await context.new_page()
        page.on("request", lambda request: fetched.add(request.resource_type))
        await page.goto(form)
        await fill_application(page)
        assert await page.input_value("[name='utm_destinations.0.address']") == f"港区芝公園{HOUSE_NUMBER}"
        await send(page)
        assert await applications(world) == 1
        await page.goto(await mailed_link(world, APPLICANT))
        await send(page)
        assert await page.inner_text("h1") == CONFIRMED[locale]
    assert await state(world) == "unapproved"
    assert fetched == {"document"}


@pytest.mark.requirement("APP-02")
async def test_an_application_can_be_sent_with_the_keyboard_alone(page: Page, form: str, world: World) -> None:
    """Tab goes through everything in reading order, a button pressed leads on to the next field, Enter sends."""
    await page.goto(form)
    for name, value in COMPANY.items():
        await tab_to(page, name)
        await page.keyboard.type(value)
    await tab_to(page, "fill")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("[name='company.address']:focus")
    await page.keyboard.press("End")
    await page.keyboard.type(HOUSE_NUMBER)
    await tab_to(page, "company.phone_number")
    await page.keyboard.type(CONTACT["company.phone_number"])
    await tab_to(page, "copy")
    await page.keyboard.press("Space")
    await page.wait_for_selector("[name='utm_destinations.0.quantity']:focus")
    for name, value in REST.items():
        await tab_to(page, name)
        await page.keyboard.type(value)
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".outcome.done")
    assert await applications(world) == 1


async def tab_to(page: Page, name: str) -> None:
    """Press Tab until the field of that name has the focus."""
    for _ in range(40):
        if await page.evaluate("document.activeElement.name") == name:
            return
        await page.keyboard.press("Tab")
    pytest.fail(f"Tab does not lead to {name}")


@pytest.mark.requirement("GEN-07")
async def test_a_wrong_entry_is_found_by_its_line_in_the_summary(page: Page, form: str) -> None:
    """The summary has the focus when the page comes, and each line leads to its field."""
    await page.goto(form)
    await send(page)
    await page.wait_for_selector(".notice.wrong:focus")  # a browser gives the focus some time after the page is there
    assert (await page.title()).startswith("エラー: ")
    await page.click(".notice a[href='#utm_destinations-0-quantity']")
    assert await page.evaluate("document.activeElement.name") == "utm_destinations.0.quantity"


@pytest.mark.requirement("GEN-06")
async def test_scanners_that_press_every_button_do_no_harm_to_the_form(page: Page, form: str, world: World) -> None:
    """Nothing is sent that nobody has filled in."""
    await page.goto(form)
    for number in range(await page.locator("button:not([aria-hidden])").count()):
        await page.goto(form)
        await page.locator("button:not([aria-hidden])").nth(number).click()
        await page.wait_for_load_state()
    assert await applications(world) == 0


@pytest.mark.requirement("GEN-06")
async def test_scanners_that_press_the_withdrawals_button_do_not_withdraw(page: Page, form: str, world: World) -> None:
    """It needs its box ticked, by hand and also where the browser does not insist."""
    await page.goto(form)
    await fill_application(page)
    await send(page)
    await page.goto(await mailed_link(world, APPLICANT))
    await page.evaluate("document.querySelectorAll('form').forEach(form => form.noValidate = true)")
    await page.click("summary")
    await page.click("button.danger")
    await page.wait_for_selector(".notice")
    assert await state(world) == "awaiting_confirmation"
    await page.check("[name=withdraw]")
    await page.click("button.danger")
    await page.wait_for_selector(".outcome")
    assert await state(world) == "withdrawn"


async def test_forms_in_two_tabs_are_both_good(page: Page, form: str, world: World) -> None:
    """The second one opened does not spoil the first."""
    await page.goto(form)
    other = await page.context.new_page()
    await other.goto(form)
    for tab in (page, other):
        await fill_application(tab)
        await send(tab)
        await tab.wait_for_selector(".outcome.done")
    assert await applications(world) == 2
