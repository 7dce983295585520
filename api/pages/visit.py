"""Somebody with a link: which one it is, whose, and what they posted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Row, select

from api.context import Context, Shared
from api.language import language_of
from api.pages.form_guard import FIELD, FormGuard, Provenance
from api.pages.frame import Frame
from api.pages.wording import words
from api.rate_limits import Limiter, client_key
from mail_templates.wording import moment
from models import links
from models.refusals import Forbidden, NotFound
from models.tables.procedures import Link
from models.tables.tenants import Tenant
from models.vocabulary import Language

_MAX_FORM_FIELDS = 1000


@dataclass(frozen=True)
class Form:
    """What was posted. `is_stale`: by our own page, but to be shown again before it counts."""

    entries: tuple[tuple[str, str], ...]
    is_stale: bool

    def get(self, name: str) -> str:
        """The last entry of that name; empty when there is none."""
        return dict(self.entries).get(name, "")

    def all(self, name: str) -> list[str]:
        return [value for entry, value in self.entries if entry == name]

    def has(self, name: str) -> bool:
        return any(entry == name for entry, _ in self.entries)


@dataclass(frozen=True)
class Visit:
    """`link` may be of any purpose, used, expired or withdrawn: what that means, each page says itself."""

    frame: Frame
    context: Context
    token: str
    link: Row[tuple[Link]]
    tenant: Row[tuple[Tenant]]

    @property
    def request(self) -> Request:
        return self.frame.request

    @property
    def language(self) -> Language:
        return self.frame.language

    @property
    def words(self) -> Mapping[str, str]:
        return words(self.language)

    def say(self, name: str, **values: str) -> str:
        """The words of that name, with the tenant's name and the values filled in."""
        return self.words[name].format(tenant=self.tenant.name, **values)

    def moment(self, instant: datetime) -> str:
        """In the tenant's time zone (GEN-01)."""
        return moment(instant, self.tenant.time_zone, self.language)

    def page(self, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
        return self.frame.page(template, status=status, say=self.say, **values)

    async def read_form(self) -> Form:
        """Raises: Forbidden: another site sent it."""
        await self.request.body()  # read first, it stays: a repetition is known by it
        posted = await self.request.form(max_files=0, max_fields=_MAX_FORM_FIELDS)
        entries = tuple((name, value) for name, value in posted.multi_items() if isinstance(value, str))
        provenance = self.frame.guard.provenance(self.request, dict(entries).get(FIELD, ""))
        if provenance is Provenance.FOREIGN:
            raise Forbidden
        return Form(tuple(entry for entry in entries if entry[0] != FIELD), provenance is Provenance.STALE)


async def _visit(token: str, request: Request, context: Shared, limiter: Limiter) -> Visit:
    """Raises: NotFound: no link of that token. Takes as long for a link of nobody as for a wrong one."""
    nobody = Frame.of_nobody(request, context)
    request.state.frame = nobody
    await limiter.take("link_per_client", client_key(request))
    async with context.database.transaction(links.tenant_of(token) or "") as connection:
        link = await links.find(connection, token)
        if link is None:
            raise NotFound
        found = await connection.execute(select(Tenant.__table__).where(Tenant.tenant_id == link.tenant_id))
        tenant = found.one()
    frame = replace(
        nobody,
        guard=FormGuard(context.link_key.key, tenant.portal_base_url or context.settings.base_url),
        language=language_of(request, Language(tenant.language)),
        tenant_name=tenant.name,
    )
    request.state.frame = frame
    return Visit(frame, context, token, link, tenant)


Visited = Annotated[Visit, Depends(_visit)]
