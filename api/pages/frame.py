"""The frame around every page: its language, whose name stands above it, its one style sheet and its headers."""

import functools
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.context import Context
from api.language import language_of
from api.pages.form_guard import FIELD, FormGuard
from api.pages.wording import words
from api.security_headers import page_headers
from models.vocabulary import Language

_HERE = Path(__file__).parent
_STYLE = (_HERE / "style.css").read_text(encoding="utf-8")
_HEADERS = page_headers(_STYLE)


@dataclass(frozen=True)
class Frame:
    """`tenant_name`: None until it is known whose page it is."""

    request: Request
    guard: FormGuard
    language: Language
    tenant_name: str | None = None

    @classmethod
    def of_nobody(cls, request: Request, context: Context) -> "Frame":
        """For a link that is none."""
        return cls(request, FormGuard(context.link_key.key, context.settings.base_url), language_of(request))

    def page(self, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
        """An HTML answer. Beside `values` the templates find `words`, the languages and the nonce of their forms."""
        cookie, nonce = self.guard.arm(self.request)
        shown = _templates().get_template(template)
        html = shown.render(
            words=words(self.language),
            language=self.language,
            other_language=Language.EN if self.language is Language.JA else Language.JA,
            tenant_name=self.tenant_name,
            style=_STYLE,
            nonce_field=FIELD,
            nonce=nonce,
            **values,
        )
        response = HTMLResponse(html, status, {**_HEADERS, "Content-Language": self.language})
        if nonce in html:
            self.guard.set_cookie(self.request, response, cookie)
        return response

    def outcome(
        self, title: str, *paragraphs: str, kind: str = "done", status: int = 200, **details: str
    ) -> HTMLResponse:
        """A page that only tells. `kind`: done, closed or problem. `details`: by the name of their label."""
        said = words(self.language)
        named = [(said[name], value) for name, value in details.items()]
        return self.page("outcome.html", status=status, kind=kind, title=title, paragraphs=paragraphs, details=named)


@functools.cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
