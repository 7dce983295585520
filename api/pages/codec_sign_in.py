"""The operators' page: sign in once, so that the Temporal Web UI in the same browser may have payloads decoded."""

import hmac
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from api import codec_cookie
from api.context import Context, Shared
from api.pages.form_guard import FIELD, Provenance
from api.pages.frame import Frame
from api.pages.page_route import PageRoute
from api.rate_limits import per_client
from api.saved_searches import saved_searches, web_ui_link

router = APIRouter(prefix="/codec", tags=["Operators"], include_in_schema=False, route_class=PageRoute)
Nonce = Annotated[str, Form(alias=FIELD)]


@router.get("/sign-in")
async def show(request: Request, context: Shared) -> Response:
    return await _page(request, context)


@router.post("/sign-in", dependencies=[per_client("sign_in_per_client")])
async def sign_in(
    request: Request, context: Shared, operator_key: Annotated[str, Form()] = "", nonce: Nonce = ""
) -> Response:
    frame = Frame.of_nobody(request, context)
    if frame.guard.provenance(request, nonce) is not Provenance.OWN:
        return await _page(request, context, notice="stale_form", status=403)
    expected = context.settings.operator_key.get_secret_value()
    if not hmac.compare_digest(operator_key.encode(), expected.encode()):
        return await _page(request, context, notice="codec_wrong", status=401)
    answer = _back(frame)
    codec_cookie.sign_in(answer, context.settings)
    return answer


@router.post("/sign-out")
async def sign_out(request: Request, context: Shared, nonce: Nonce = "") -> Response:
    frame = Frame.of_nobody(request, context)
    if frame.guard.provenance(request, nonce) is not Provenance.OWN:
        return await _page(request, context, notice="stale_form", status=403)
    answer = _back(frame)
    codec_cookie.sign_out(answer, context.settings)
    return answer


def _back(frame: Frame) -> Response:
    return RedirectResponse(f"/codec/sign-in?lang={frame.language}", status_code=303)


async def _page(request: Request, context: Context, *, notice: str | None = None, status: int = 200) -> Response:
    frame = Frame.of_nobody(request, context)
    searches = saved_searches(await context.clock.now()) if context.settings.temporal_ui_url else {}
    return frame.page(
        "codec_sign_in.html",
        status=status,
        notice_name=notice,
        signed_in=codec_cookie.is_signed_in(request, context.settings),
        endpoint=f"{context.settings.base_url.rstrip('/')}/codec",
        searches=[(name, web_ui_link(context.settings, query)) for name, query in searches.items()],
    )
