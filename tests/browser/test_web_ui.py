"""The operator's work in the Temporal Web UI itself, as docs/operations/web-ui.md tells it."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from httpx2 import AsyncClient
from playwright.async_api import FrameLocator, Page, expect

from local.processes import free_port
from local.temporal_server import TemporalPorts, TemporalServer
from models.database import Database
from settings import Settings
from tests.api.test_service_application import submitted
from tests.mail_server import MailServer
from tests.world import TENANT, World, eventually, make_tenant, running_world

APPLICANT, COMPANY = "taro@minato.example", "みなと商事"

pytestmark = pytest.mark.requirement("GEN-08", "GEN-10")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"rehearsal": False, "temporal_ui_url": f"http://127.0.0.1:{free_port()}"})


@pytest.fixture
def temporal(settings: Settings, tmp_path: Path) -> Iterator[TemporalServer]:
    """The real server with its Web UI, as `tetsuzuki up` starts it."""
    ports = TemporalPorts(grpc=free_port(), ui=int(str(settings.temporal_ui_url).rpartition(":")[2]))
    log = tmp_path / "temporal.log"
    server = TemporalServer(None, ports=ports, log=log, codec_url=f"{settings.base_url}/codec")
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def world(
    temporal: TemporalServer, database: Database, mail_server: MailServer, settings: Settings
) -> AsyncIterator[World]:
    async with running_world(temporal.address, database, mail_server, settings=settings) as world:
        await make_tenant(database, TENANT, await world.clock.now())
        yield world


@pytest.fixture
async def stuck(world: World, api: AsyncClient, staff: dict[str, str]) -> str:
    """The number of an application whose confirmation mail is refused for good, listed as needing an operator."""
    world.mails.answer = lambda recipient: "550 5.1.1 no such user" if recipient == APPLICANT else None
    number = await submitted(api, staff)

    async def listed() -> bool:
        return (await world.client.count_workflows('Attention = "yes"')).count == 1

    await eventually(listed)
    return number


@pytest.fixture
async def show(page: Page, settings: Settings, stuck: str) -> Callable[[str], Awaitable[None]]:
    """Opens a tab of the procedure in the Web UI."""

    async def show(tab: str) -> None:
        await page.goto(f"{settings.temporal_ui_url}/namespaces/default/workflows/service-application-{TENANT}-{stuck}")
        await page.get_by_role("link", name=tab, exact=False).or_(page.get_by_role("tab", name=tab)).first.click()

    return show


async def sign_in(page: Page, site: str) -> None:
    """On the operators' page, and by the steps that it then tells."""
    await page.goto(f"{site}/codec/sign-in?lang=en")
    await page.get_by_label("Operator key").fill("operator-key-of-tests")
    await page.get_by_role("button", name="Sign in").click()
    endpoint = await page.locator("code").inner_text()
    await page.get_by_role("link", name="Procedures that need an operator").click()
    await page.get_by_test_id("data-encoder-status-configured").click()
    dialog = page.locator("dialog[open]")
    await dialog.get_by_test_id("use-local-endpoint-input").check(force=True)
    await dialog.locator("textarea").fill(endpoint)
    await dialog.get_by_text("Include cross-origin credentials").click()
    await dialog.get_by_test_id("confirm-modal-button").click()


async def test_without_a_sign_in_the_web_ui_shows_nobodys_data(
    page: Page, show: Callable[[str], Awaitable[None]]
) -> None:
    """The story in words, with ids and states; no names anywhere, the details of a stuck mail included."""
    await show("User Metadata")
    await expect(page.get_by_text("Codec Server could not connect").filter(visible=True).first).to_be_visible()
    await show("Timeline")
    await expect(page.get_by_text("The application lapses unless confirmed").first).to_be_visible()
    await expect(page.get_by_text(COMPANY)).to_have_count(0)
    await show("User Metadata")
    await expect(details(page).get_by_text("Needs an operator").first).to_be_visible()
    await expect(details(page).get_by_text(APPLICANT)).to_have_count(0)


async def test_an_operator_finds_reads_and_mends_a_stuck_procedure(
    page: Page, site: str, world: World, stuck: str, show: Callable[[str], Awaitable[None]]
) -> None:
    """Sign in; the search lists it; the page says what is wrong and what to type; typed, the mail goes out."""
    await sign_in(page, site)
    await expect(page.get_by_role("link", name=stuck)).to_be_visible()
    await show("Timeline")
    await expect(page.get_by_text(COMPANY).first).to_be_visible()
    await expect(page.get_by_text("The application lapses unless confirmed").first).to_be_visible()
    await show("User Metadata")
    await expect(page.frame_locator("iframe").first.get_by_text(f"Service application {stuck}")).to_be_visible()
    for words in ("Needs an operator", "550 5.1.1 no such user", '{"action": "retry", "reason": "what you did"}'):
        await expect(details(page).get_by_text(words).first).to_be_visible()

    world.mails.answer = lambda _: None
    await _send_update(page, {"action": "retry", "reason": "the address exists now"})
    await world.mails_to(APPLICANT, 1)
    await show("User Metadata")
    await expect(details(page).get_by_text("the applicant to press the link")).to_be_visible()
    await expect(details(page).get_by_text("Needs an operator")).to_have_count(0)


@pytest.mark.usefixtures("stuck")
async def test_every_search_of_the_operators_page_is_understood(page: Page, site: str) -> None:
    """Each opens a list; what waits and what is due within a day find the application."""
    await sign_in(page, site)
    await page.goto(f"{site}/codec/sign-in?lang=en")
    links = [str(await link.get_attribute("href")) for link in await page.locator("li a").all()]
    for link, count in zip(links, (1, 1, 0, 0), strict=True):
        await page.goto(link)
        await expect(page.get_by_test_id("workflow-count")).to_have_text(re.compile(rf"^\s*{count}\b"))


def details(page: Page) -> FrameLocator:
    """The current details: Markdown, which the Web UI shows in a frame of its own."""
    return page.frame_locator("iframe").last


async def _send_update(page: Page, data: dict[str, str]) -> None:
    """More Actions, Send an Update, `resolve`."""
    await page.get_by_role("button", name="More Actions").click()
    await page.get_by_role("menu").filter(visible=True).get_by_text("Send an Update").click()
    dialog = page.locator("dialog[open]")
    await dialog.get_by_test_id("update-select-button").click()
    await page.get_by_role("option", name="resolve").click()
    await dialog.locator(".cm-content[contenteditable=true]").click()
    # Laid out as the editor would do it when left, which would move the button away from under the mouse.
    await page.keyboard.insert_text(json.dumps(data, indent=2))
    await dialog.locator("button[type=submit]").click()
    await expect(dialog).to_have_count(0)
