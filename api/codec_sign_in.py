"""The page where an operator signs in once, so that the Temporal Web UI in the same browser may have payloads decoded.

The Web UI of a small installation has no sign-in of its own and can send no key, only cookies. The cookie holds no
key: it is signed with the operator key, lasts eight hours, and dies when that key is changed.
"""

import hashlib
import hmac
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from itsdangerous import BadSignature, TimestampSigner
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.context import Shared
from api.language import language_of
from api.rate_limits import per_client
from models.vocabulary import Language
from settings import Settings

router = APIRouter(prefix="/codec/sign-in", tags=["Operators"], include_in_schema=False)
COOKIE = "__Host-tetsuzuki-codec"
_VALUE = "operator"
_SECONDS = 8 * 60 * 60
_WORDS = {
    Language.EN: MappingProxyType(
        {
            "title": "Reading payloads in the Temporal Web UI",
            "why": "Temporal keeps what passes through it encrypted. With the operator key this browser may read it "
            "in the Web UI for eight hours.",
            "key": "Operator key",
            "sign_in": "Sign in",
            "wrong": "That is not the operator key.",
            "done": "This browser may have payloads decoded for eight hours.",
            "sign_out": "Sign out",
            "once": "Once per browser, tell the Web UI to send along this sign-in:",
            "steps": (
                "Open the Web UI and press its codec button (the glasses at the top).",
                "Choose “Use my browser setting and ignore Cluster-level setting”.",
                "Endpoint:",
                "Tick “Include cross-origin credentials”, and apply.",
            ),
        }
    ),
    Language.JA: MappingProxyType(
        {
            "title": "Temporal Web UI での内容の表示",
            "why": "Temporal に保存される内容は暗号化されています。運用者キーを入力すると、このブラウザの Web UI で"
            "8時間、内容を読むことができます。",
            "key": "運用者キー",
            "sign_in": "サインイン",
            "wrong": "運用者キーが正しくありません。",
            "done": "このブラウザでは8時間、内容を復号して表示できます。",
            "sign_out": "サインアウト",
            "once": "ブラウザごとに一度だけ、Web UI がこのサインインを送るように設定してください。",
            "steps": (
                "Web UI を開き、上部の眼鏡のボタン(コーデック)を押します。",
                "「Use my browser setting and ignore Cluster-level setting」を選びます。",
                "エンドポイント:",
                "「Include cross-origin credentials」にチェックを入れ、適用します。",
            ),
        }
    ),
}
_HERE = Path(__file__).parent
_TEMPLATE = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined).get_template(
    "codec_sign_in.html"
)
_STYLE = (_HERE / "codec_sign_in.css").read_text(encoding="utf-8")


def is_signed_in(request: Request, settings: Settings) -> bool:
    try:
        return _signer(settings).unsign(request.cookies.get(COOKIE, ""), max_age=_SECONDS) == _VALUE.encode()
    except BadSignature:
        return False


@router.get("")
async def show(request: Request, context: Shared) -> HTMLResponse:
    return _page(request, context.settings)


@router.get("/style.css")
async def style() -> Response:
    return Response(_STYLE, media_type="text/css")


@router.post("", dependencies=[per_client("sign_in_per_client")])
async def sign_in(request: Request, context: Shared, operator_key: Annotated[str, Form()] = "") -> Response:
    expected = context.settings.operator_key.get_secret_value()
    if not hmac.compare_digest(operator_key.encode(), expected.encode()):
        return _page(request, context.settings, wrong=True)
    answer = _back(request)
    value = _signer(context.settings).sign(_VALUE).decode()
    answer.set_cookie(COOKIE, value, max_age=_SECONDS, path="/", secure=True, httponly=True, samesite="strict")
    return answer


@router.post("/end")
async def sign_out(request: Request) -> Response:
    answer = _back(request)
    answer.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
    return answer


def _signer(settings: Settings) -> TimestampSigner:
    key = settings.operator_key.get_secret_value()
    return TimestampSigner(key, salt="codec sign-in", key_derivation="hmac", digest_method=hashlib.sha256)


def _back(request: Request) -> RedirectResponse:
    return RedirectResponse(f"/codec/sign-in?lang={language_of(request)}", status_code=303)


def _page(request: Request, settings: Settings, *, wrong: bool = False) -> HTMLResponse:
    language = language_of(request)
    values: dict[str, Any] = {
        "language": language,
        "words": _WORDS[language],
        "signed_in": is_signed_in(request, settings),
        "wrong": wrong,
        "endpoint": f"{settings.base_url.rstrip('/')}/codec",
        "web_ui": settings.temporal_ui_url,
    }
    return HTMLResponse(_TEMPLATE.render(values), status_code=401 if wrong else 200)
