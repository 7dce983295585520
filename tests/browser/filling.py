"""What people type into the pages, and where their mails lead them."""

from httpx2 import AsyncClient
from playwright.async_api import Page

from tests.world import TENANT, World

APPLICANT = "taro@minato.example"
COMPANY = {
    "company.company_name": "みなと商事",
    "company.last_name": "山田",
    "company.first_name": "太郎",
    "company.mail_address": APPLICANT,
    "company.postal_code": "105-0011",
}
HOUSE_NUMBER = "4-2-8"
CONTACT = {"company.phone_number": "0312345678"}
REST = {
    "utm_destinations.0.quantity": "2",
    "portal_users.0.last_name": "山田",
    "portal_users.0.first_name": "花子",
    "portal_users.0.mail_address": "hanako@minato.example",
}
PASSWORD = "Kumo7-yane.Tako"
PROFILE = {
    "password": PASSWORD,
    "password_confirmation": PASSWORD,
    "user_name": "山田　次郎",
    "company_name": "みなとセキュリティ",
}


async def invitation_url(api: AsyncClient, staff: dict[str, str]) -> str:
    answer = await api.get(f"/v1/tenants/{TENANT}/invitation", headers=staff)
    return str(answer.json()["url"])


async def signup_url(api: AsyncClient, staff: dict[str, str], world: World, address: str) -> str:
    await api.post(f"/v1/tenants/{TENANT}/staff", json={"mail_address": address}, headers=staff)
    return await mailed_link(world, address)


async def mailed_link(world: World, address: str, count: int = 1) -> str:
    await world.mails_to(address, count)
    return world.mails.to(address)[count - 1].link


async def fill(page: Page, *parts: dict[str, str]) -> None:
    for part in parts:
        for name, value in part.items():
            await page.fill(f"[name='{name}']", value)


async def fill_application(page: Page) -> None:
    """As a person would: the address by its postal code, the destination from the company."""
    await fill(page, COMPANY, CONTACT)
    await page.click("button[name=fill][value='company.postal_code']")
    await page.locator("[name='company.address']").press("End")
    await page.keyboard.type(HOUSE_NUMBER)
    await page.click("button[name=copy][value='utm_destinations.0']")
    await fill(page, REST)


async def send(page: Page) -> None:
    await page.click("button.main")
    await page.wait_for_load_state()
