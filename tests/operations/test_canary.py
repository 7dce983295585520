"""A canary's life with the product: its name and secrets are in no log line and no measure (threats: logs)."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from httpx2 import AsyncClient

import telemetry
from activities.smtp import Outcome, SmtpCourier
from api import service_application
from tests.canaries import dump, opened
from tests.conftest import Postgres
from tests.support_desk import CREDENTIALS, DESK, TARO, Desk
from tests.viewer_pc import FINGERPRINT, ViewerPc
from tests.world import TENANT, World, eventually

ADDRESS = "canary.kanaria@cage.example"
COLLEAGUE = "canary.colleague@cage.example"
REFUSED = "canary.refused@cage.example"
EXPLODING = "canary.exploding@cage.example"
PERSON = {"last_name": "金糸雀", "first_name": "鳴子"}
PLACE = {
    "company_name": "金糸雀商会",
    "postal_code": "105-0011",
    "prefecture": "東京都",
    "address": "港区鳥籠4-2-8",
    "phone_number": "0398765432",
}
TELLING = ("金糸雀", "鳴子", "鳥籠", "cage.example", "0398765432", "MEMO-CANARY")

Lines = Callable[[], str]


@pytest.fixture
def written() -> Iterator[Lines]:
    """Everything that the process would write, at its most talkative, from all libraries."""
    stream = io.StringIO()
    with telemetry.logging_to(stream, "DEBUG"):
        yield stream.getvalue


def form(address: str = ADDRESS, **company: str) -> dict[str, Any]:
    return {
        "company": {**PERSON, **PLACE, "mail_address": address, **company},
        "utm_destinations": [{**PERSON, **PLACE, "quantity": 2}],
        "portal_users": [{**PERSON, "mail_address": COLLEAGUE}],
    }


async def apply(api: AsyncClient, token: str, body: dict[str, Any]) -> Any:
    return (await api.post(f"/v1/apply/{token}", json=body)).json()


@pytest.mark.requirement("GEN-10")
async def test_the_canary_is_in_no_log_and_no_measure(
    written: Lines,
    api: AsyncClient,
    world: World,
    staff: dict[str, str],
    operator: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Applied, confirmed, approved, signed up; refused as input; its mail refused; and a bug in the middle of it."""
    world.mails.answer = lambda recipient: f"550 no {recipient} here" if recipient == REFUSED else None
    _explode_at(monkeypatch)
    invitation = (await api.get(f"/v1/tenants/{TENANT}/invitation", headers=staff)).json()["url"].rsplit("/", 1)[1]

    number = (await apply(api, invitation, form()))["application_number"]
    procedure = f"service-application-{TENANT}-{number}"
    await world.mails_to(ADDRESS, 1)
    token = world.mails.to(ADDRESS)[0].token
    await api.get(f"/links/{token}")
    await world.client.get_workflow_handle(procedure).execute_update(
        "confirm", {"command_id": "confirm", "actor": "applicant"}
    )
    memos = {"memo1": "MEMO-CANARY"}
    await api.post(f"/v1/tenants/{TENANT}/applications/{number}/approve", json=memos, headers=staff)
    await world.mails_to(COLLEAGUE, 1)

    await api.get(f"/v1/tenants/{TENANT}/applications", params={"company_name": "金糸雀商会"}, headers=staff)
    assert (await apply(api, invitation, form(phone_number="金糸雀")))["code"] == "invalid_input"
    await apply(api, invitation, form(REFUSED))
    await apply(api, invitation, form(EXPLODING))
    await eventually(lambda: "deliver_mails" in written())
    with monkeypatch.context() as bug:
        bug.setattr(service_application, "submit", _fail_with_the_body)
        assert (await apply(api, invitation, form()))["code"] == "internal_error"

    metrics = (await api.get("/metrics")).text
    secrets = (invitation, token, staff["Authorization"].split()[1], operator["Authorization"].split()[1])
    for place, text in (("logs", _plain(written())), ("metrics", metrics), ("output", "".join(capfd.readouterr()))):
        found = [telling for telling in (*TELLING, *secrets) if telling in text]
        assert found == [], f"{place}: {found}"
    assert written().count("deliver_mails") > 0
    assert '"unexpected error"' in written()
    assert "/v1/apply/{invitation_token}" in metrics


def _explode_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in the courier, whose exception names the recipient."""
    send = SmtpCourier.send

    async def exploding(self: SmtpCourier, recipient: str, message: bytes) -> Outcome:
        if recipient == EXPLODING:
            raise LookupError(recipient)
        return await send(self, recipient, message)

    monkeypatch.setattr(SmtpCourier, "send", exploding)


async def _fail_with_the_body(*given: object, **named: object) -> None:
    logging.getLogger("careless").error("could not take %s", PERSON)
    raise RuntimeError(PERSON, given, named)


def _plain(lines: str) -> str:
    """The log as a person reads it: what JSON escapes is written out."""
    return "\n".join(json.dumps(json.loads(line), ensure_ascii=False) for line in lines.splitlines())


@pytest.mark.requirement("RSA-04", "RSA-07")
async def test_the_sessions_password_is_nowhere_but_in_the_mails(
    written: Lines, support_desk: Desk, postgres: Postgres, database_name: str, staff: dict[str, str]
) -> None:
    """While the session runs: in no log line, answer or table, and in no payload, even for whoever has its key."""
    desk = support_desk
    request_id = await desk.running()
    mail = await desk.mail(TARO, "リモートサポートを開始しました")
    assert CREDENTIALS["password"] in mail.text
    procedure = f"remote-support-{TENANT}-{request_id}"
    asked: tuple[tuple[str, dict[str, str]], ...] = (
        (f"/v1/support/remote-support/{request_id}", desk.operator),
        (f"/v1/tenants/{TENANT}/mails", staff),
        (f"/v1/tenants/{TENANT}/procedures/{procedure}", staff),
        (f"/links/{mail.token}", {}),
    )
    events = [event async for event in desk.world.client.get_workflow_handle(procedure).fetch_history_events()]
    places = {
        "logs": _plain(written()),
        "answers": "".join([(await desk.api.get(path, headers=headers)).text for path, headers in asked]),
        "events": "".join(str(event) for event in events),
        "payloads": "".join(opened(desk.world.cipher, event) for event in events),
        "database": dump(postgres.url("postgres", database_name)),
    }
    assert "withheld-session-password" in places["database"]
    assert request_id in places["payloads"]
    secrets = [CREDENTIALS["session_id"], "C4nary", b"C4nary".hex()]
    found = [(name, secret) for name, text in places.items() for secret in secrets if secret in text]
    assert found == []
    for name in ("logs", "events"):
        assert "佐藤" not in places[name]
        assert "minato.example" not in places[name]
    assert await desk.credentials() != [None]
    await desk.tell(request_id, "end")
    assert await desk.credentials() == [None]


@pytest.mark.requirement("VWR-03", "VWR-04", "GEN-10")
async def test_a_viewers_token_and_credential_are_nowhere_but_with_the_person(
    written: Lines, viewer_pc: ViewerPc, postgres: Postgres, database_name: str
) -> None:
    """In no log line, table or payload, even for whoever has its key; names are in none that can be read without it."""
    pc = viewer_pc
    request_id, token = await pc.approved()
    credential = (await pc.enter(request_id, token, key="kept answer")).json()["credential"]
    assert (await pc.read(credential)).status_code == 200
    procedure = f"viewer-access-{TENANT}-{request_id}"
    events = [event async for event in pc.world.client.get_workflow_handle(procedure).fetch_history_events()]
    places = {
        "logs": _plain(written()),
        "events": "".join(str(event) for event in events),
        "payloads": "".join(opened(pc.world.cipher, event) for event in events),
        "database": dump(postgres.url("postgres", database_name)),
        "mails": (await pc.api.get(f"/v1/tenants/{TENANT}/mails", headers=pc.staff)).text,
    }
    assert "withheld-until-sending" in places["database"]
    assert request_id in places["payloads"]
    secrets = [token, token.replace("-", ""), credential, credential.encode().hex(), FINGERPRINT]
    assert [(name, secret) for name, text in places.items() for secret in secrets if secret in text] == []
    for name in ("logs", "events"):
        assert [telling for telling in ("閲覧", "次郎", "EIGYO", "minato.example") if telling in places[name]] == []


@pytest.mark.requirement("CUS-05", "RSA-07")
async def test_with_a_company_go_its_administrators_and_whoever_asked_them(
    support_desk: Desk, staff: dict[str, str], postgres: Postgres, database_name: str
) -> None:
    """That there was a session, and when, stays; no name, address or reason does."""
    desk = support_desk
    request_id = await desk.running()
    await desk.tell(request_id, "end")
    await desk.stopped()
    await desk.over(request_id)
    assert (await desk.api.delete(desk.device.url, headers=staff)).status_code == 204
    company = f"/v1/tenants/{TENANT}/customers/{desk.device.customer_id}"
    assert (await desk.api.delete(company, headers=staff)).status_code == 204
    left = dump(postgres.url("postgres", database_name))
    assert [
        telling for telling in ("山田", "鈴木", "佐藤", "minato.example", "通信が遅い", DESK) if telling in left
    ] == []
    assert (await desk.read(request_id))["ended_by"] == "desk"
