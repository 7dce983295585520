"""What holds for every page: headers, languages, links of nobody, and forms that no other site can send."""

import dataclasses
import re
import statistics
import time
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient, Response
from sqlalchemy import text as sql
from sqlalchemy import update

from api import rate_limits
from api.app import create_app
from api.commands import Commands
from api.context import Context
from api.rate_limits import RateLimiter
from models.database import Database
from models.tables.tenants import Tenant
from settings import RateLimits
from tests.api.test_pages_application_form import FIELDS, configure
from tests.api.test_service_application import FORM
from tests.page_reader import entries, heading, hidden, soup, text
from tests.world import TENANT, World

NOBODY = f"/links/{TENANT}-{'x' * 43}"
TABLES = ("links", "service_applications", "mails", "audit_entries", "procedures", "personal_invitations")


@pytest.fixture
async def form_url(api: AsyncClient, staff: dict[str, str]) -> str:
    answer = await api.get(f"/v1/tenants/{TENANT}/invitation", headers=staff)
    return "/apply/" + str(answer.json()["url"]).rsplit("/", 1)[1]


async def written(world: World) -> list[tuple[Any, ...]]:
    """Everything that a page could have written, row by row."""
    async with world.database.transaction(TENANT) as connection:
        return [
            tuple(row)
            for table in TABLES
            for row in (await connection.execute(sql(f"SELECT * FROM {table} ORDER BY 1, 2"))).all()  # noqa: S608 - our own names
        ]


async def test_a_page_fetches_nothing_runs_nothing_and_is_framed_by_nobody(api: AsyncClient, form_url: str) -> None:
    """Its one style sheet is the only thing that its policy lets in."""
    for page in (await api.get(form_url), await api.get(NOBODY)):
        policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", policy["style-src"])
        assert (policy["frame-ancestors"], policy["base-uri"], policy["form-action"]) == ("'none'", "'none'", "'self'")
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert not soup(page).select("script, iframe, img, object, link:not([href^='data:']), [style]")


@pytest.mark.requirement("GEN-06")
async def test_get_and_head_write_nothing(api: AsyncClient, form_url: str, world: World) -> None:
    before = await written(world)
    for url in (form_url, NOBODY, f"{form_url}?lang=en"):
        assert (await api.head(url)).text == (await api.head(url)).text
        await api.get(url)
    assert await written(world) == before


@pytest.mark.requirement("GEN-05", "GEN-06")
async def test_an_unknown_and_a_wrong_link_look_and_take_alike(api: AsyncClient, form_url: str) -> None:
    """Neither tells whether the tenant exists."""
    strangers = (NOBODY, f"/links/T9999999-{'y' * 43}", form_url.replace("apply", "links"), "/links/nothing")
    pages = [await api.get(url) for url in strangers]
    assert {page.status_code for page in pages} == {404}
    assert {heading(page) for page in pages} == {"ページが見つかりません"}
    assert pages[0].text == pages[1].text == pages[3].text
    taken = [[await seconds(api, url) for url in strangers[:2]] for _ in range(40)]
    assert abs(statistics.median(wrong - unknown for wrong, unknown in taken)) < 0.015


async def seconds(api: AsyncClient, url: str) -> float:
    begun = time.perf_counter()
    await api.get(url)
    return time.perf_counter() - begun


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        ("", None, "ja"),
        ("", "en-US,en;q=0.9", "en"),
        ("", "fr", "ja"),
        ("?lang=en", "ja", "en"),
        ("?lang=ja", "en", "ja"),
    ],
)
async def test_a_page_speaks_as_asked_as_the_reader_prefers_or_as_the_tenant_does(
    api: AsyncClient, form_url: str, asked: str, accepted: str | None, language: str
) -> None:
    """In this order."""
    headers = {"Accept-Language": accepted} if accepted else {}
    page = await api.get(form_url + asked, headers=headers)
    root = soup(page).html
    assert root is not None
    assert root["lang"] == language
    assert heading(page) == {"ja": "サービス利用申請", "en": "Service application"}[language]


async def test_a_tenants_language_is_the_default_of_its_pages(api: AsyncClient, form_url: str, world: World) -> None:
    await configure(world, language="en")
    assert heading(await api.get(form_url)) == "Service application"


async def test_changing_the_language_keeps_what_was_typed(api: AsyncClient, form_url: str) -> None:
    page = await api.get(form_url)
    english = await api.post(f"{form_url}?lang=en", data=hidden(page) | FIELDS | {"switch_language": "en"})
    assert (english.status_code, heading(english)) == (200, "Service application")
    assert entries(english).items() >= FIELDS.items()


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site", "Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
async def test_another_sites_form_is_refused(api: AsyncClient, form_url: str, headers: dict[str, str]) -> None:
    """Whatever it carries, and what it carries is not shown."""
    page = await api.get(form_url)
    answer = await api.post(form_url, data=hidden(page) | FIELDS, headers=headers)
    assert (answer.status_code, heading(answer)) == (403, "送信を受け付けられませんでした")
    assert "taro@minato.example" not in answer.text


@pytest.mark.parametrize("origin", ["null", "http://127.0.0.1:8080"])
async def test_our_own_form_is_taken_also_when_the_browser_names_no_origin(
    api: AsyncClient, form_url: str, origin: str
) -> None:
    """A page without referrer posts `Origin: null`."""
    page = await api.get(form_url)
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": origin}
    sent = await api.post(form_url, data=hidden(page) | FIELDS, headers=headers)
    assert heading(sent) == "確認のメールを送信しました"


async def test_a_browser_without_the_forms_cookie_is_asked_to_press_again(api: AsyncClient, form_url: str) -> None:
    """Nothing typed is lost by it."""
    page = await api.get(form_url)
    api.cookies.clear()
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}
    again = await api.post(form_url, data=hidden(page) | FIELDS, headers=headers)
    assert again.status_code == 403
    assert entries(again).items() >= FIELDS.items()
    sent = await api.post(form_url, data=hidden(again) | entries(again), headers=headers)
    assert heading(sent) == "確認のメールを送信しました"


async def test_what_is_no_browser_needs_no_cookie(api: AsyncClient, form_url: str) -> None:
    """It carries nobody's authority but its own."""
    page = await api.get(form_url)
    api.cookies.clear()
    sent = await api.post(form_url, data=hidden(page) | FIELDS)
    assert heading(sent) == "確認のメールを送信しました"


async def test_the_forms_cookie_belongs_to_the_host_alone_where_the_pages_have_https(
    api: AsyncClient, form_url: str, world: World
) -> None:
    """On this machine's own plain http it is a simple one, which every client takes."""
    assert form_cookie(await api.get(form_url)).startswith("form=")
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(update(Tenant).values(portal_base_url="https://portal.partner.example"))
    cookie = form_cookie(await api.get(form_url, headers={"Host": "portal.partner.example"}))
    assert cookie.startswith("__Host-form=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))


def form_cookie(page: Response) -> str:
    return str(page.headers["set-cookie"])


async def test_a_body_that_is_no_form_gets_a_page_that_says_so(api: AsyncClient, form_url: str) -> None:
    answer = await api.post(form_url, content=b"--x\r\nbroken", headers={"Content-Type": "multipart/form-data"})
    assert answer.status_code == 400
    assert "リクエストの本文を読み取れませんでした" in text(answer)


def client_of(app: FastAPI) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app=app), base_url="http://127.0.0.1:8080")


async def test_an_outage_is_told_on_a_page(context: Context) -> None:
    """With the time after which to try again; nothing was taken."""
    unreachable = Database("postgresql://app@127.0.0.1:1/none")
    async with client_of(create_app(dataclasses.replace(context, database=unreachable))) as client:
        page = await client.get(NOBODY)
    assert (page.status_code, heading(page)) == (503, "ただいまご利用いただけません")
    assert page.headers["retry-after"] == "5"


async def test_too_many_applications_for_an_address_are_refused_on_the_page_and_over_json(
    context: Context, form_url: str
) -> None:
    """One limit for both ways in."""
    app = create_app(context)
    rate_limits.register(app, RateLimiter(RateLimits(apply_per_address="1/day")))
    async with client_of(app) as client:
        page = await client.get(form_url)
        assert (await client.post(f"/v1{form_url}", json=FORM)).status_code == 201
        refused = await client.post(form_url, data=hidden(page) | FIELDS)
        assert (refused.status_code, heading(refused)) == (429, "操作の回数が上限に達しました")
        assert int(refused.headers["retry-after"]) > 0
        assert (await client.post(f"/v1{form_url}", json=FORM)).status_code == 429


@pytest.mark.requirement("GEN-02")
async def test_what_is_accepted_but_not_recorded_yet_says_that_it_has_been_taken(
    context: Context, form_url: str, world: World
) -> None:
    """Nobody is asked to send it again, and pressed again it is the same application."""
    nobody_works = Commands(world.client, "a queue without a worker", timedelta(seconds=1))
    async with client_of(create_app(dataclasses.replace(context, commands=nobody_works))) as client:
        page = await client.get(form_url)
        for _ in range(2):
            taken = await client.post(form_url, data=hidden(page) | FIELDS)
            assert (taken.status_code, heading(taken)) == (202, "受け付けました")
