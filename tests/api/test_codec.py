"""Who may have Temporal's payloads decoded, and how the Temporal Web UI does."""

import base64
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from httpx2 import ASGITransport, AsyncClient, Response
from structlog.testing import capture_logs
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.client import Client

from api.app import create_app
from api.commands import Commands
from api.context import Context
from models.clock import SystemClock
from models.database import Database
from models.encryption import Cipher
from models.links import LinkKey
from settings import RateLimits, Settings
from workflows.codec import EncryptionCodec

WEB_UI = "https://temporal.example:8233"
CIPHER = Cipher({"old": b"o" * 32, "new": b"n" * 32}, current="new")
BEARER = {"Authorization": "Bearer operator-key"}
FROM_WEB_UI = {"Origin": WEB_UI}

pytestmark = pytest.mark.requirement("GEN-10")


async def api_of(settings: Settings) -> AsyncClient:
    """Without any server behind it: nothing here needs one."""
    client = await Client.connect("127.0.0.1:1", lazy=True)
    context = Context(
        settings=settings,
        database=Database("postgresql://app@127.0.0.1:1/none"),
        commands=Commands(client, "queue", settings.durations.synchronous_answer),
        clock=SystemClock(),
        cipher=CIPHER,
        link_key=LinkKey(b"l"),
    )
    return AsyncClient(transport=ASGITransport(app=create_app(context)), base_url="https://api.example")


def settings_of(**others: Any) -> Settings:
    given = {
        "operator_key": "operator-key",
        "link_key": "l",
        "payload_keys": {},
        "payload_key_id": "new",
        "session_keys": {},
        "session_key_id": "new",
        "base_url": "https://api.example",
        "temporal_ui_url": f"{WEB_UI}/",
    }
    return Settings(**given | others)


@pytest.fixture
async def api() -> AsyncIterator[AsyncClient]:
    async with await api_of(settings_of()) as client:
        yield client


async def sealed(value: object, cipher: Cipher = CIPHER) -> dict[str, Any]:
    """As the Web UI and the command line send a payload."""
    plain = Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(value).encode())
    return MessageToDict(Payloads(payloads=await EncryptionCodec(cipher).encode([plain])))


def values(answer: Response) -> list[Any]:
    assert answer.status_code == 200, answer.text
    return [json.loads(base64.b64decode(payload["data"])) for payload in answer.json()["payloads"]]


async def press(api: AsyncClient, path: str, **fields: str) -> Response:
    """As a person does: with the page's own form."""
    page = (await api.get("/codec/sign-in?lang=en")).text
    nonce = re.findall(r'name="form_nonce" value="(\w+)"', page)[0]
    return await api.post(f"{path}?lang=en", data={"form_nonce": nonce, **fields})


async def sign_in(api: AsyncClient) -> Response:
    return await press(api, "/codec/sign-in", operator_key="operator-key")


async def test_the_command_line_decodes_and_encodes_with_the_operator_key(api: AsyncClient) -> None:
    """What encode makes, decode reads; what is not encrypted stays as it is."""
    plain = {"payloads": [{"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "eyJuYW1lIjoi5bGx55SwIn0="}]}
    encoded = await api.post("/codec/encode", json=plain, headers=BEARER)
    assert "山田" not in encoded.text
    assert encoded.json() != plain
    assert (await api.post("/codec/decode", json=encoded.json(), headers=BEARER)).json() == plain
    assert (await api.post("/codec/decode", json=plain, headers=BEARER)).json() == plain


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, FROM_WEB_UI])
@pytest.mark.parametrize("path", ["/codec/decode", "/codec/encode"])
async def test_without_key_and_sign_in_nothing_is_decoded(api: AsyncClient, path: str, headers: dict[str, str]) -> None:
    answer = await api.post(path, json=await sealed("山田"), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_a_signed_in_browser_decodes_for_the_web_ui_alone(api: AsyncClient) -> None:
    """The cookie another site makes the browser send along is refused, and so is one sent by no page."""
    await sign_in(api)
    body = await sealed("山田")
    decoded = await api.post("/codec/decode", json=body, headers=FROM_WEB_UI)
    assert values(decoded) == ["山田"]
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {}):
        assert (await api.post("/codec/decode", json=body, headers=headers)).status_code == 403


async def test_only_the_web_uis_origin_may_read_the_answer(api: AsyncClient) -> None:
    """Never a wildcard, refusals included; no other address of the API is shared with another origin."""
    for headers in (BEARER, {}):
        answer = await api.post("/codec/decode", json=await sealed(1), headers=headers | FROM_WEB_UI)
        assert answer.headers["Access-Control-Allow-Origin"] == WEB_UI
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        stranger = await api.post("/codec/decode", json=await sealed(1), headers=headers | {"Origin": "https://e.vil"})
        assert "Access-Control-Allow-Origin" not in stranger.headers
    for path in ("/healthz", "/codec/sign-in"):
        assert "Access-Control-Allow-Origin" not in (await api.get(path, headers=FROM_WEB_UI)).headers


@pytest.mark.parametrize(("origin", "allowed"), [(WEB_UI, True), ("https://evil.example", False), ("null", False)])
async def test_the_browsers_question_beforehand_is_answered_to_the_web_ui_alone(
    api: AsyncClient,
    origin: str,
    allowed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    asking = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-namespace",
    }
    answer = await api.options("/codec/decode", headers=asking)
    assert (answer.headers.get("Access-Control-Allow-Origin") == origin) is allowed


async def test_without_a_web_ui_no_other_origin_and_no_cookie_is_let_in() -> None:
    async with await api_of(settings_of(temporal_ui_url=None)) as api:
        await sign_in(api)
        answer = await api.post("/codec/decode", json=await sealed(1), headers=FROM_WEB_UI)
        assert answer.status_code == 403
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_the_cookie_holds_no_key_and_dies_with_it(api: AsyncClient) -> None:
    """It is for this host and its own pages only; after a change of the operator key it opens nothing."""
    cookie = (await sign_in(api)).headers["Set-Cookie"]
    assert "operator-key" not in cookie
    assert cookie.startswith("__Host-")
    assert all(word in cookie for word in ("HttpOnly", "Secure", "SameSite=strict", "Path=/"))
    async with await api_of(settings_of(operator_key="another-key")) as other:
        other.cookies = api.cookies
        assert (await other.post("/codec/decode", json=await sealed(1), headers=FROM_WEB_UI)).status_code == 401


async def test_a_form_of_another_site_signs_nobody_in_or_out(api: AsyncClient) -> None:
    """Its browser says where the form came from."""
    foreign = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    for path in ("/codec/sign-in", "/codec/sign-out"):
        answer = await api.post(path, data={"operator_key": "operator-key"}, headers=foreign)
        assert (answer.status_code, "codec" in answer.headers.get("Set-Cookie", "")) == (403, False)


async def test_whoever_is_signed_in_finds_the_days_searches(api: AsyncClient) -> None:
    assert WEB_UI not in (await api.get("/codec/sign-in")).text
    await sign_in(api)
    page = (await api.get("/codec/sign-in")).text
    assert f"{WEB_UI}/namespaces/default/workflows?query=ExecutionStatus" in page


async def test_a_wrong_key_signs_nobody_in_and_signing_out_ends_it(api: AsyncClient) -> None:
    wrong = await press(api, "/codec/sign-in", operator_key="wrong")
    assert (wrong.status_code, "That is not the operator key." in wrong.text) == (401, True)
    assert "codec" not in wrong.headers.get("Set-Cookie", "")
    await sign_in(api)
    assert "サインアウト" in (await api.get("/codec/sign-in")).text
    await press(api, "/codec/sign-out")
    assert (await api.post("/codec/decode", json=await sealed(1), headers=FROM_WEB_UI)).status_code == 401


async def test_payloads_of_every_key_of_the_ring_are_read_and_a_lost_keys_say_so(api: AsyncClient) -> None:
    """One unreadable payload does not hide the others of its page."""
    old = Cipher({"old": b"o" * 32}, current="old")
    lost = Cipher({"lost": b"l" * 32}, current="lost")
    body = {"payloads": [(await sealed(n, cipher))["payloads"][0] for n, cipher in enumerate((old, lost, CIPHER))]}
    answer = await api.post("/codec/decode", json=body, headers=BEARER)
    assert values(answer) == [0, "(not readable: the key is not among ours)", 2]


async def test_what_is_no_payload_is_refused(api: AsyncClient) -> None:
    for content in ("", "nonsense", '{"payloads": 1}', '{"payloads": [{"data": "not base64!"}]}'):
        answer = await api.post("/codec/decode", content=content, headers=BEARER)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request"), content


async def test_decoding_is_limited_and_every_time_noted() -> None:
    """The log says who and how much, never what."""
    limits = RateLimits(codec_per_client="2/minute")
    async with await api_of(settings_of(rate_limits=limits)) as api:
        with capture_logs() as logs:
            for _ in range(2):
                headers = BEARER | {"X-Namespace": "default"}
                assert (await api.post("/codec/decode", json=await sealed("山田"), headers=headers)).is_success
        decoded = [entry for entry in logs if entry["event"] == "payloads decoded"]
        assert [(entry["actor"], entry["payloads"], entry["namespace"]) for entry in decoded] == [
            ("operator key", 1, "default")
        ] * 2
        assert "山田" not in str(logs)
        assert (await api.post("/codec/decode", json=await sealed(1), headers=BEARER)).status_code == 429
