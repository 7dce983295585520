"""Whatever goes wrong on a page is told on a page (GEN-06), in the visitor's language and in the tenant's name."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from api.commands import NotDoneYetError
from api.pages.frame import Frame
from api.pages.wording import words
from api.problems import refusal_of, unexpected
from models.refusals import LinkExpired, LinkUsed, LinkWithdrawn, Malformed, Refusal

_OVER = (LinkExpired, LinkWithdrawn, LinkUsed)


class PageRoute(APIRoute):
    """A route whose errors are HTML."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except NotDoneYetError:
                said = words(_frame(request).language)
                return _frame(request).outcome(
                    said["not_done_yet_title"], said["not_done_yet_text"], status=HTTPStatus.ACCEPTED
                )
            except HTTPException:
                return _refusal_page(_frame(request), Malformed())
            except Exception as error:  # noqa: BLE001 - a person reads no problem document
                return _refusal_page(_frame(request), refusal_of(error) or unexpected(error))

        return answer


def _frame(request: Request) -> Frame:
    frame: Frame | None = getattr(request.state, "frame", None)
    return frame or Frame.of_nobody(request, request.app.state.context)


def _refusal_page(frame: Frame, refusal: Refusal) -> Response:
    said = words(frame.language)
    tenant = frame.tenant_name or said["product"]
    own = [said[name] for name in (f"{refusal.code}_text", f"{refusal.code}_hint") if name in said]
    response = frame.outcome(
        said.get(f"{refusal.code}_title", said["refused_title"]),
        *([text.format(tenant=tenant) for text in own] or [refusal.sentence(frame.language)]),
        kind="closed" if isinstance(refusal, _OVER) else "problem",
        status=refusal.status,
        **{name: str(fact) for name, fact in refusal.facts.items() if name == "error_id"},
    )
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response
