"""The API describes itself, to machines and to people."""

import json
import re
from typing import Annotated

import httpx2
import pytest
from bs4 import BeautifulSoup
from fastapi import Depends, FastAPI, Response
from fastapi.security import HTTPBearer

from api import documentation, problems
from api.idempotency import PostedRequest
from api.paging import Page, PagingQuery
from api.security_headers import SecurityHeaders
from models.messages.service_application import ServiceApplicationInput, UtmDestination
from models.refusals import Refusal


def tiny_app() -> FastAPI:
    app = FastAPI(title="Tiny <app>", version="1", docs_url=None, redoc_url=None)
    problems.register(app)
    app.add_middleware(SecurityHeaders)

    @app.post("/v1/apply/{invitation_token}", status_code=201, response_model=UtmDestination, tags=["Applications"])
    async def apply(invitation_token: str, body: ServiceApplicationInput, posted: PostedRequest) -> Response:
        """Send an application. The limits are those of `APP-02` <b>."""
        raise NotImplementedError

    @app.get("/v1/things", tags=["Things"])
    async def things(paging: PagingQuery, _: Annotated[object, Depends(HTTPBearer())]) -> Page[UtmDestination]:
        raise NotImplementedError

    @app.get("/readyz", responses={503: {"model": UtmDestination}}, tags=["Things"])
    async def ready() -> UtmDestination:
        raise NotImplementedError

    @app.delete("/v1/things/{name}", status_code=204, tags=["Things"])
    async def forget(name: str) -> None:
        raise NotImplementedError

    @app.post("/v1/things", status_code=202, tags=["Things"])
    async def ask(posted: PostedRequest) -> UtmDestination:
        raise NotImplementedError

    documentation.register(app)
    return app


async def fetched(path: str) -> httpx2.Response:
    transport = httpx2.ASGITransport(app=tiny_app())
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path)


@pytest.fixture(scope="module")
async def page() -> BeautifulSoup:
    return BeautifulSoup((await fetched("/docs")).text, "html.parser")


async def test_every_operation_tells_its_problems() -> None:
    """In the description for machines; the framework's own form of errors is gone."""
    document = (await fetched("/openapi.json")).json()
    for methods in document["paths"].values():
        for operation in methods.values():
            assert set(operation["responses"]) >= {"4XX", "503"}
            assert "application/problem+json" in operation["responses"]["4XX"]["content"]
    assert "HTTPValidationError" not in json.dumps(document)
    assert {"Problem", "FieldProblem"} <= set(document["components"]["schemas"])
    assert document["paths"]["/v1/things"]["get"]["security"]
    names = {parameter["name"] for parameter in document["paths"]["/v1/apply/{invitation_token}"]["post"]["parameters"]}
    assert names == {"invitation_token", "Idempotency-Key"}


async def test_every_command_tells_that_it_may_take_longer() -> None:
    """Whatever its method, and besides what it has to say with 202 itself."""
    paths = (await fetched("/openapi.json")).json()["paths"]
    later = {"$ref": "#/components/schemas/NotDoneYet"}
    schemas = {
        method: operation["responses"]["202"]["content"]["application/json"]["schema"]
        for method, operation in [
            ("delete", paths["/v1/things/{name}"]["delete"]),
            ("post", paths["/v1/things"]["post"]),
        ]
    }
    assert schemas["delete"] == later
    assert schemas["post"] == {"anyOf": [{"$ref": "#/components/schemas/UtmDestination"}, later]}
    assert "202" not in paths["/v1/things"]["get"]["responses"]


async def test_what_an_operation_says_itself_when_something_is_out_of_reach_is_told_too() -> None:
    told = (await fetched("/openapi.json")).json()["paths"]["/readyz"]["get"]["responses"]["503"]["content"]
    assert told.keys() == {"application/json", "application/problem+json"}


async def test_every_reference_leads_somewhere() -> None:
    """A client generated of it needs every schema."""
    document = (await fetched("/openapi.json")).json()
    for reference in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)):
        assert reference in document["components"]["schemas"]


def test_the_page_names_every_field_with_its_limits(page: BeautifulSoup) -> None:
    """Dotted, as forms and errors name them."""
    rows = {row.select("td")[0].get_text(): row.get_text(" ") for row in page.select("article tbody tr")}
    assert "at most 40 characters" in rows["company.company_name"]
    assert "999 or less" in rows["utm_destinations.0.quantity"]
    assert "yes" in rows["portal_users.0.mail_address"]
    assert "北海道" in rows["company.prefecture"]
    assert "Idempotency-Key (header)" in rows
    assert "200 or less" in rows["limit (query)"]


def test_the_page_explains_every_problem_where_its_type_leads(page: BeautifulSoup) -> None:
    """`type` of a problem document is an anchor of this page."""
    for code in Refusal.known:
        assert page.find(id=f"problem-{code}")


def test_every_link_of_the_page_leads_somewhere(page: BeautifulSoup) -> None:
    """On this page or on this host."""
    for link in page.find_all("a"):
        href = str(link["href"])
        assert href == "/openapi.json" or page.find(id=href.removeprefix("#"))


async def test_the_page_needs_no_script_and_nothing_from_outside(page: BeautifulSoup) -> None:
    """One style sheet from this host, and a policy that allows no more."""
    assert page.find_all(["script", "img", "iframe"]) == []
    assert [link["href"] for link in page.find_all("link")] == ["/docs/style.css"]
    assert not [tag for tag in page.select("*") if {"src", "srcset", "style", "onclick", "action"} & set(tag.attrs)]
    answer = await fetched("/docs")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    style = await fetched("/docs/style.css")
    assert style.headers["content-type"].startswith("text/css")
    assert "url(" not in style.text


def test_what_programmers_write_is_escaped(page: BeautifulSoup) -> None:
    """A docstring cannot become markup, apart from code between backticks."""
    (described,) = page.select("article[id^=apply] h3 + p")
    assert "<b>" in described.get_text()
    assert described.find("b") is None
    assert [code.get_text() for code in described.find_all("code")] == ["APP-02"]
