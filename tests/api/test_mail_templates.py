"""A tenant's mail templates over HTTP."""

from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import insert, select

from mail_templates.rendering import default_template
from models.identifiers import digest, secret_token
from models.tables.people import StaffMember
from models.tables.procedures import AuditEntry
from models.tables.procedures import Mail as SentMail
from models.tables.tenants import ApiKey
from models.vocabulary import TENANT_TEMPLATES, Language, Mail, SignupState
from tests.api.test_service_application import submitted
from tests.world import TENANT, World, make_tenant, sign_in_staff

URL = f"/v1/tenants/{TENANT}/mail-templates"
RESULT = f"{URL}/application_result"
OTHER, FOREIGN = "T9000000", "T7000000"
OWN = {"subject": "{{CompanyName}}様のお申し込み", "body": "{{ApplicantName}} 様\n\n結果：{{Result}}\n"}


async def put(api: AsyncClient, staff: dict[str, str], url: str = RESULT, **body: Any) -> Any:
    return await api.put(url, json=body or OWN, headers=staff)


def wrong(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    return [(error["field"], error["code"]) for error in answer.json()["errors"]]


async def also_staff_of(world: World, tenant_id: str) -> None:
    """The one person of the tenant joins another."""
    async with world.database.transaction(TENANT) as connection:
        person_id = (await connection.execute(select(StaffMember.person_id))).scalar_one()
    await make_tenant(world.database, tenant_id, await world.clock.now())
    async with world.database.transaction(tenant_id) as connection:
        await connection.execute(
            insert(StaffMember).values(
                tenant_id=tenant_id,
                person_id=person_id,
                mail_address="both@partner.example",
                signup_state=SignupState.REGISTERED,
                created_at=await world.clock.now(),
            )
        )


@pytest.mark.requirement("TPL-01", "TPL-02")
async def test_the_list_has_all_thirteen_with_their_subjects(api: AsyncClient, staff: dict[str, str]) -> None:
    """Each says whether it is customized; an SMS has no subject."""
    page = (await api.get(URL, headers=staff)).json()
    assert [item["template"] for item in page["items"]] == list(TENANT_TEMPLATES)
    assert (page["total"], page["next_cursor"]) == (13, None)
    assert not any(item["customized"] for item in page["items"])
    sms = [item for item in page["items"] if item["channel"] == "sms"]
    assert [(item["template"], item["subject"]) for item in sms] == [("password_reset_sms", None)]
    assert page["items"][2]["subject"] == default_template(Mail.APPLICATION_RESULT, Language.JA).subject


@pytest.mark.requirement("TPL-02")
async def test_the_list_comes_in_pages(api: AsyncClient, staff: dict[str, str]) -> None:
    """Every template once, however small the pages."""
    seen: list[str] = []
    more: dict[str, str] | None = {}
    while more is not None:
        page = (await api.get(URL, params={"limit": "5", **more}, headers=staff)).json()
        seen += [item["template"] for item in page["items"]]
        more = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
    assert seen == list(TENANT_TEMPLATES)
    assert wrong(await api.get(URL, params={"cursor": "staff_signup"}, headers=staff)) == [("cursor", "invalid_cursor")]


@pytest.mark.requirement("TPL-03")
async def test_reading_one_shows_its_placeholders_with_meaning_and_sample(
    api: AsyncClient, staff: dict[str, str]
) -> None:
    """Meanings are told in the reader's language; what must stand in the body is marked."""
    answer = await api.get(f"{URL}/application_confirmation", headers={**staff, "Accept-Language": "en"})
    template = answer.json()
    placeholders = {placeholder["name"]: placeholder for placeholder in template["placeholders"]}
    assert placeholders["ApplicationNumber"] == {
        "name": "ApplicationNumber",
        "written": "{{ApplicationNumber}}",
        "meaning": "application number",
        "sample": "AAP-3KJXLH50",
        "required": False,
    }
    assert placeholders["ConfirmURL"]["required"]
    assert template["default"] == {"subject": template["subject"], "body": template["body"]}


@pytest.mark.requirement("TPL-01", "TPL-02")
async def test_a_saved_text_is_customized_until_it_is_reset(api: AsyncClient, staff: dict[str, str]) -> None:
    saved = await put(api, staff)
    assert saved.status_code == 200, saved.text
    template = saved.json()
    assert (template["customized"], template["subject"]) == (True, OWN["subject"])
    assert template["body"] == OWN["body"].strip()
    assert (await api.get(RESULT, headers=staff)).json() == template
    for _ in range(2):
        assert (await api.delete(RESULT, headers=staff)).status_code == 204
        default = {**template, **template["default"], "customized": False, "customized_at": None}
        assert (await api.get(RESULT, headers=staff)).json() == default


@pytest.mark.requirement("TPL-03")
@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"subject": " "}, [("subject", "required")]),
        ({"body": ""}, [("body", "required")]),
        ({"subject": "結果\nBcc: x@y.example"}, [("subject", "line_break")]),
        ({"body": "{{UTMID}}"}, [("body", "unknown_placeholder")]),
        (
            {"body": "{% if x %}", "subject": "{{ 7*7 }}"},
            [("subject", "template_expression"), ("body", "template_expression")],
        ),
    ],
)
async def test_what_may_not_be_saved_is_refused_with_its_spot(
    api: AsyncClient, staff: dict[str, str], change: dict[str, str], errors: list[tuple[str, str]]
) -> None:
    """The same at saving and at the preview; nothing is saved."""
    before = (await api.get(RESULT, headers=staff)).json()
    assert wrong(await put(api, staff, **{**OWN, **change})) == errors
    assert wrong(await api.post(f"{RESULT}/preview", json={**OWN, **change}, headers=staff)) == errors
    assert (await api.get(RESULT, headers=staff)).json() == before


@pytest.mark.requirement("TPL-03")
async def test_the_spot_is_told_by_line_and_column(api: AsyncClient, staff: dict[str, str]) -> None:
    answer = await put(api, staff, **{**OWN, "body": "一行目\n二行目 {{Colour}}"})
    assert "2行目の5文字目" in answer.json()["errors"][0]["message"]


@pytest.mark.requirement("TPL-03")
async def test_saving_unchanged_text_is_refused(api: AsyncClient, staff: dict[str, str]) -> None:
    """Against the default and against the tenant's own; blanks at line ends make no difference."""
    default = (await api.get(RESULT, headers=staff)).json()["default"]
    assert (await put(api, staff, **default)).json()["code"] == "nothing_changed"
    assert (await put(api, staff)).status_code == 200
    again = await put(api, staff, subject=OWN["subject"], body=OWN["body"].replace("\n", "  \r\n"))
    assert (again.status_code, again.json()["code"]) == (422, "nothing_changed")


@pytest.mark.requirement("TPL-01", "TPL-03")
async def test_an_sms_has_no_subject(api: AsyncClient, staff: dict[str, str]) -> None:
    url = f"{URL}/password_reset_sms"
    body = "確認コード {{Code}}"
    assert wrong(await put(api, staff, url, subject="コード", body=body)) == [("subject", "not_for_sms")]
    saved = await put(api, staff, url, body=body)
    assert (saved.status_code, saved.json()["subject"]) == (200, None)
    preview = await api.post(f"{url}/preview", json={"body": body}, headers=staff)
    assert preview.json() == {"subject": None, "text": "確認コード 314159\n", "html": None}


@pytest.mark.requirement("TPL-04")
async def test_the_preview_is_what_would_be_sent_with_sample_values(api: AsyncClient, staff: dict[str, str]) -> None:
    """Text and HTML; nothing is saved."""
    preview = (await api.post(f"{RESULT}/preview", json=OWN, headers=staff)).json()
    assert preview["subject"] == "株式会社みなと商事様のお申し込み"
    assert preview["text"] == "山田 太郎 様\n\n結果：承認\n"
    assert "<html" in preview["html"]
    assert "承認" in preview["html"]
    assert not (await api.get(RESULT, headers=staff)).json()["customized"]


@pytest.mark.requirement("TPL-01")
@pytest.mark.parametrize("name", ["staff_signup", "nothing", "copy"])
async def test_fixed_and_unknown_mails_are_not_there(api: AsyncClient, staff: dict[str, str], name: str) -> None:
    """The mails to staff, operators and approvers are nobody's to change."""
    assert (await api.get(f"{URL}/{name}", headers=staff)).status_code == 404
    assert (await put(api, staff, f"{URL}/{name}")).status_code == 404


async def test_a_text_over_somebody_elses_is_refused(api: AsyncClient, staff: dict[str, str]) -> None:
    """A stale `If-Match` is 412, for saving and for resetting."""
    stale = {**staff, "If-Match": (await api.get(RESULT, headers=staff)).headers["ETag"]}
    assert (await put(api, stale)).status_code == 200
    assert (await put(api, stale, **{**OWN, "subject": "別"})).status_code == 412
    assert (await api.delete(RESULT, headers=stale)).status_code == 412


@pytest.mark.requirement("TPL-07", "TPL-06")
async def test_a_mail_takes_the_text_as_it_is_when_it_is_rendered_and_is_kept_as_sent(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """A text saved after the application was sent is in the mail of its confirmation; the next change is not."""
    number = await submitted(api, staff)
    url = f"{URL}/application_completed"
    assert (
        await put(api, staff, url, subject="受付 {{ApplicationNumber}}", body="{{CompanyName}} 様")
    ).status_code == 200
    await world.client.get_workflow_handle(f"service-application-{TENANT}-{number}").execute_update(
        "confirm", {"command_id": "confirm", "actor": "applicant"}
    )
    subjects = await world.mails_to("taro@minato.example", 2)
    assert subjects[1] == f"受付 {number}"
    assert world.mails.to("taro@minato.example")[1].text.strip() == "みなと商事 様"
    await api.delete(url, headers=staff)
    await world.advance(minutes=1)
    async with world.database.transaction(TENANT) as connection:
        kept = await connection.execute(select(SentMail.__table__).where(SentMail.template == "application_completed"))
        mail = kept.one()
    assert (mail.subject, mail.text, mail.state, mail.attempts) == (f"受付 {number}", "みなと商事 様\n", "sent", 1)
    assert mail.smtp_answer.startswith("250")
    assert mail.message_id == world.mails.to("taro@minato.example")[1].message_id


@pytest.mark.requirement("TPL-05")
async def test_templates_are_copied_to_the_persons_other_tenants(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """The report tells what was copied where; a repetition finds nothing to do; it works in both directions."""
    await also_staff_of(world, OTHER)
    await put(api, staff)
    there = f"/v1/tenants/{OTHER}/mail-templates"
    await put(api, staff, f"{there}/application_completed", subject="完了", body="ありがとうございます")
    body = {"templates": ["application_result", "application_completed", "return_kit_sent"], "tenants": [OTHER]}
    report = (await api.post(f"{URL}/copy", json=body, headers=staff)).json()
    outcomes = [(item["tenant_id"], item["template"], item["outcome"]) for item in report["items"]]
    assert outcomes == [
        (OTHER, "application_result", "copied"),
        (OTHER, "application_completed", "reset"),
        (OTHER, "return_kit_sent", "unchanged"),
    ]
    assert (await api.get(f"{there}/application_result", headers=staff)).json()["subject"] == OWN["subject"]
    assert not (await api.get(f"{there}/application_completed", headers=staff)).json()["customized"]
    again = (await api.post(f"{URL}/copy", json=body, headers=staff)).json()
    assert {item["outcome"] for item in again["items"]} == {"unchanged"}
    back = {"templates": ["application_result"], "tenants": [TENANT, OTHER]}
    await api.delete(RESULT, headers=staff)
    returned = (await api.post(f"{there}/copy", json=back, headers=staff)).json()
    assert [item["outcome"] for item in returned["items"]] == ["copied", "unchanged"]
    async with world.database.transaction(OTHER) as connection:
        facts = await connection.execute(select(AuditEntry.what, AuditEntry.subject))
        assert ("mail_template_copied", "application_result") in [tuple(row) for row in facts]


@pytest.mark.requirement("TPL-05", "GEN-05")
async def test_nothing_is_copied_to_a_tenant_that_is_not_the_persons(
    api: AsyncClient, staff: dict[str, str], world: World
) -> None:
    """Another's tenant and none at all look alike, and then nothing is copied anywhere."""
    await also_staff_of(world, OTHER)
    await make_tenant(world.database, FOREIGN, await world.clock.now())
    stranger = await sign_in_staff(world, FOREIGN)
    await put(api, staff)
    for tenant in (FOREIGN, "T6000000"):
        body = {"templates": ["application_result"], "tenants": [OTHER, tenant]}
        answer = await api.post(f"{URL}/copy", json=body, headers=staff)
        assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (404, ["tenants.1"])
    for tenant, who in ((OTHER, staff), (FOREIGN, stranger)):
        url = f"/v1/tenants/{tenant}/mail-templates/application_result"
        assert not (await api.get(url, headers=who)).json()["customized"]


@pytest.mark.requirement("TPL-05")
async def test_a_copy_of_nothing_or_of_a_fixed_mail_is_refused(api: AsyncClient, staff: dict[str, str]) -> None:
    empty = await api.post(f"{URL}/copy", json={"templates": [], "tenants": []}, headers=staff)
    assert wrong(empty) == [("templates", "too_few"), ("tenants", "too_few")]
    fixed = {"templates": ["application_result", "staff_signup"], "tenants": [TENANT]}
    assert wrong(await api.post(f"{URL}/copy", json=fixed, headers=staff)) == [("templates.1", "unknown_choice")]


@pytest.mark.requirement("TPL-05", "AUT-05")
@pytest.mark.usefixtures("staff")
async def test_an_api_key_cannot_copy_across_tenants(api: AsyncClient, world: World) -> None:
    """A machine client is of one tenant, whoever made its key."""
    await also_staff_of(world, OTHER)
    key = f"tzk_{TENANT}_{secret_token()}"
    async with world.database.transaction(TENANT) as connection:
        await connection.execute(
            insert(ApiKey).values(
                tenant_id=TENANT,
                api_key_id="1" * 32,
                name="nightly",
                scope="write",
                key_digest=digest(key),
                created_by="staff:1",
                created_at=await world.clock.now(),
            )
        )
    machine = {"Authorization": f"Bearer {key}"}
    body = {"templates": ["application_result"], "tenants": [OTHER]}
    assert (await api.post(f"{URL}/copy", json=body, headers=machine)).status_code == 403
    assert (await put(api, machine)).status_code == 200
