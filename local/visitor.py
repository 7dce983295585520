"""A person at a browser, as far as the demo needs one: opens pages, fills in forms, presses buttons."""

from collections.abc import Mapping
from html.parser import HTMLParser
from http import HTTPStatus
from urllib.parse import urljoin

import httpx2

from local.patient_client import PatientTransport
from local.processes import PartFailedError

FORM = "application/x-www-form-urlencoded"


class PageError(PartFailedError):
    """A page said something else than was expected."""


class _HiddenFields(HTMLParser):
    """What the first form of a page carries by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.action: str | None = None
        self.forms = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.forms += 1
            self.action = self.action or given.get("action")
        if tag == "input" and self.forms == 1 and given.get("type") == "hidden" and given.get("name"):
            self.fields[given["name"] or ""] = given.get("value") or ""


class Visitor:
    """Keeps its cookies, as a browser does. `language`: what its browser asks for."""

    def __init__(self, language: str = "ja") -> None:
        self._client = httpx2.AsyncClient(
            timeout=30, headers={"Accept-Language": language}, transport=PatientTransport()
        )

    async def open(self, url: str) -> str:
        """The page's HTML. Raises: PageError."""
        return _page(await self._client.get(url))

    async def is_dead(self, url: str) -> bool:
        """Whether the link says that it is over."""
        return (await self._client.get(url)).status_code == HTTPStatus.GONE

    async def press(self, url: str, fields: Mapping[str, str] | None = None) -> str:
        """Open the page, fill in its form and send it. The answer is the page that follows, or one without a form.

        Raises: PageError.
        """
        form = _HiddenFields()
        page = await self.open(url)
        form.feed(page)
        if not form.forms:
            return page
        origin = str(httpx2.URL(url).copy_with(raw_path=b"/")).rstrip("/")
        headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
        target = urljoin(url, form.action or url)
        return _page(await self._client.post(target, data=form.fields | dict(fields or {}), headers=headers))

    async def close(self) -> None:
        await self._client.aclose()


def _page(answer: httpx2.Response) -> str:
    if answer.is_error:
        message = f"{answer.request.method} of a page answered {answer.status_code}"
        raise PageError(message)
    return answer.text
