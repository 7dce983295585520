"""The pages of approvers and of administrators with a session open, in a real browser."""

import os
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page

from tests.browser.conftest import DESKTOP, PHONE
from tests.support_desk import HANAKO, TARO, Desk

SHOTS = os.environ.get("TETSUZUKI_SCREENSHOTS")


async def link(desk: Desk, address: str, words: str) -> str:
    return str((await desk.mail(address, words)).link)


@pytest.mark.requirement("APR-02", "GEN-06")
async def test_a_scanner_that_presses_every_button_decides_nothing(
    browser: Browser, site: str, support_desk: Desk
) -> None:
    """With scripts and without, in either form, and with the browser's own check of what is required taken away."""
    request_id = await support_desk.asked()
    address = await link(support_desk, TARO, "承認のお願い：")
    assert address.startswith(site)
    for scripts in (True, False):
        async with await browser.new_context(java_script_enabled=scripts) as context:
            page = await context.new_page()
            await page.goto(address)
            for button in range(await page.locator("main button").count()):
                await page.goto(address)
                for closed in await page.locator("summary").all():
                    await closed.click()
                if scripts:
                    await page.evaluate("document.querySelectorAll('form').forEach(form => form.noValidate = true)")
                await page.locator("main button").nth(button).click()
                await page.wait_for_load_state()
                assert await page.locator(".outcome").count() == 0
    assert (await support_desk.read(request_id))["state"] == "awaiting_approval"


@pytest.mark.requirement("APR-02", "RSA-02", "RSA-05")
async def test_an_administrator_approves_and_ends_a_session_without_javascript(
    browser: Browser, site: str, support_desk: Desk
) -> None:
    """By keyboard alone; the colleague's page says who decided."""
    await support_desk.asked()
    async with await browser.new_context(java_script_enabled=False, locale="ja-JP", base_url=site) as context:
        page = await context.new_page()
        await page.goto(await link(support_desk, TARO, "承認のお願い："))
        assert await page.locator("input:checked").count() == 0
        await page.focus("#decision-approve")
        await page.keyboard.press("Space")
        await page.fill("[name=reason]", "午後は空いています")
        await page.focus("button.main")
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".outcome.done")
        await page.goto(await link(support_desk, HANAKO, "承認のお願い："))
        assert "山田 太郎" in await page.inner_text(".outcome")
        command = await support_desk.command()
        assert command is not None
        session = {"session_id": "483920117", "password": "secret"}
        await support_desk.result(command["command_id"], "succeeded", **session)
        await page.goto(await link(support_desk, HANAKO, "開始しました"))
        await page.click("button.main")
        await page.wait_for_selector(".outcome.done")
        assert "お客さま企業の管理者" in await page.inner_text(".outcome")


@pytest.mark.requirement("APR-02")
@pytest.mark.parametrize(("scheme", "language", "viewport"), [("light", "ja", DESKTOP), ("dark", "en", PHONE)])
async def test_no_state_of_the_pages_shuts_anybody_out(
    browser: Browser, site: str, support_desk: Desk, scheme: str, language: str, viewport: dict[str, int]
) -> None:
    """Nothing that axe can find; nothing runs over the edge, and everything can be touched."""
    desk = support_desk
    await desk.asked()
    asked = await link(desk, TARO, "承認のお願い")
    async with await browser.new_context(color_scheme=scheme, viewport=viewport, base_url=site) as context:  # type: ignore[arg-type]  # a choice and a ViewportSize in all but name
        page = await context.new_page()
        for press in (None, "button.main", "details button"):
            await page.goto(f"{asked}?lang={language}")
            if press:
                await page.click("summary")
                await page.evaluate("document.querySelectorAll('form').forEach(form => form.noValidate = true)")
                await page.click(press)
                await page.wait_for_load_state()
            await check(page, viewport, f"approval-{language}-{press}")
        await desk.approve()
        command = await desk.command()
        assert command is not None
        await desk.result(command["command_id"], "succeeded", session_id="483920117", password="secret")
        for address in (asked, await link(desk, TARO, "開始しました")):
            await page.goto(f"{address}?lang={language}")
            await check(page, viewport, await page.title())


async def check(page: Page, viewport: dict[str, int], name: str) -> None:
    if SHOTS:
        await page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)
    found = await Axe().run(page)
    assert found.violations_count == 0, f"{await page.title()}: {found.generate_report()}"
    assert await page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    small = await page.evaluate(
        "[...document.querySelectorAll('button, textarea, input, a.switch, summary')]"
        ".filter(e => e.checkVisibility() && !['hidden', 'checkbox', 'radio'].includes(e.type))"
        ".filter(e => !e.classList.contains('unseen') && e.getBoundingClientRect().height < 44)"
        ".map(e => e.outerHTML)"
    )
    assert small == []
