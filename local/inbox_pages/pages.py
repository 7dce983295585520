"""The inbox's pages, and the same as JSON: plain HTML from this host alone, made to be read on a phone as well."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from api.language import language_of
from api.security_headers import PAGE_HEADERS, SecurityHeaders
from local.inbox_pages.wording import WORDING
from local.mail_folder import MailFolder, ReceivedMail

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]
HERE = Path(__file__).parent
PAGE_SIZE = 50
LARGEST_LIST = 1000
FRAMING_PAGE = {"Content-Security-Policy": PAGE_HEADERS["Content-Security-Policy"] + "; frame-src 'self'"}
MAIL_BODY = {
    # A mail is a stranger's HTML: no scripts, no forms, nothing from outside, shown in no frame but ours. Its links
    # open in a tab of their own, because the pages behind them refuse to be framed.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; "
        "sandbox allow-popups allow-popups-to-escape-sandbox"
    ),
    "X-Frame-Options": "SAMEORIGIN",
}


def inbox_app(mails: MailFolder, *, lifespan: Lifespan | None = None) -> Starlette:
    pages = InboxPages(mails)
    routes = [
        Route("/", pages.list_page),
        Route("/style.css", pages.style),
        Route("/mails/{mail_id}", pages.mail_page),
        Route("/mails/{mail_id}/html", pages.mail_html),
        Route("/mails/{mail_id}/raw", pages.mail_raw),
        Route("/mails/{mail_id}/attachments/{number:int}", pages.attachment),
        Route("/api/mails", pages.list_json),
        Route("/api/mails/{mail_id}", pages.mail_json),
    ]
    # Another site's page could otherwise read the mails through a name that it points at this machine.
    own_names = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    return Starlette(routes=routes, middleware=[Middleware(SecurityHeaders), own_names], lifespan=lifespan)


class InboxPages:
    def __init__(self, mails: MailFolder) -> None:
        self._mails = mails
        self._templates = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined)

    def list_page(self, request: Request) -> Response:
        to, subject = request.query_params.get("to", ""), request.query_params.get("subject", "")
        first = _number(request, "first", default=0, largest=10**9)
        found = list(islice(self._mails.newest_first(to=to, subject=subject), first, first + PAGE_SIZE + 1))
        return self._page(
            request,
            "list.html",
            {"mails": found[:PAGE_SIZE], "older": first + PAGE_SIZE if len(found) > PAGE_SIZE else None}
            | {"to": to, "subject": subject, "watching": "watch" in request.query_params},
        )

    def mail_page(self, request: Request) -> Response:
        answer = self._page(request, "mail.html", {"mail": self._mail(request)})
        answer.headers.update(FRAMING_PAGE)
        return answer

    def mail_html(self, request: Request) -> Response:
        html = self._mail(request).html
        if html is None:
            raise HTTPException(404)
        return HTMLResponse(f'<base target="_blank">{html}', headers=MAIL_BODY)

    def mail_raw(self, request: Request) -> Response:
        return PlainTextResponse(self._mail(request).raw)

    def attachment(self, request: Request) -> Response:
        attachments = self._mail(request).attachments
        number: int = request.path_params["number"]
        if not 0 < number <= len(attachments):
            raise HTTPException(404)
        found = attachments[number - 1]
        disposition = f"attachment; filename*=UTF-8''{quote(found.filename, safe='')}"
        return Response(found.content, headers={"Content-Disposition": disposition}, media_type=found.media_type)

    def list_json(self, request: Request) -> Response:
        """`?to=` one recipient, `?subject=` a part of it, `?limit=`: newest first as `{items, total}`."""
        to, subject = request.query_params.get("to", ""), request.query_params.get("subject", "")
        found = list(self._mails.newest_first(to=to, subject=subject))
        limit = _number(request, "limit", default=PAGE_SIZE, largest=LARGEST_LIST)
        return JSONResponse({"items": [_as_json(mail) for mail in found[:limit]], "total": len(found)})

    def mail_json(self, request: Request) -> Response:
        return JSONResponse(_as_json(self._mail(request)))

    def style(self, _request: Request) -> Response:
        return FileResponse(HERE / "style.css")

    def _mail(self, request: Request) -> ReceivedMail:
        mail = self._mails.find(request.path_params["mail_id"])
        if mail is None:
            raise HTTPException(404)
        return mail

    def _page(self, request: Request, template: str, values: dict[str, object]) -> Response:
        language = language_of(request)
        page = self._templates.get_template(template)
        return HTMLResponse(page.render(lang=language.value, words=WORDING[language], **values))


def _number(request: Request, name: str, *, default: int, largest: int) -> int:
    given = request.query_params.get(name, "")
    return min(int(given), largest) if given.isascii() and given.isdigit() else default


def _as_json(mail: ReceivedMail) -> dict[str, object]:
    return {
        "id": mail.id,
        "received_at": mail.envelope.received_at.isoformat(),
        "message_id": mail.message_id,
        "from": mail.envelope.sender,
        "to": list(mail.envelope.recipients),
        "subject": mail.subject,
        "text": mail.text,
        "html": mail.html,
        "headers": mail.headers,
        "attachments": [
            {"filename": attachment.filename, "media_type": attachment.media_type, "size": len(attachment.content)}
            for attachment in mail.attachments
        ],
    }
