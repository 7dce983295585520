"""Administrators who are asked by mail, viewers on PCs, and the support desk."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from models.vocabulary import LinkPurpose
from tests.machine.agreement import tokens
from tests.machine.paper_approvals import Asking, Support, Viewer
from tests.machine.play import MOST, PICK, Play
from tests.machine.stage import DESK, HANAKO, TARO

_APPROVERS = (TARO, HANAKO)
_URL = "/v1/support/remote-support"
_REQUESTS = "/v1/viewer/requests"
_WHO = st.sampled_from(_APPROVERS)


class ApprovalScenes(Play):
    @precondition(lambda self: self.all(Asking))
    @rule(pick=PICK, who=_WHO, decision=st.sampled_from(("approve", "approve", "deny", "")))
    def an_administrator_decides(self, pick: int, who: str, decision: str) -> None:
        """Or presses the button without choosing."""
        self.do(self._decide_approval, self.one(Asking, pick), who, decision)

    async def _decide_approval(self, page: Asking, who: str, decision: str) -> None:
        [token] = await tokens(self.stage, page.procedure_id, recipient=who, purpose=LinkPurpose.APPROVAL)
        at = await self.stage.now()
        await self.stage.press(token, decision=decision)
        if decision:
            page.decide(who, decision, at)


class ViewerScenes(ApprovalScenes):
    @precondition(lambda self: len(self.all(Viewer)) < MOST)
    @rule()
    def a_viewer_is_sent_a_token(self) -> None:
        self.begin(self._ask_to_view)
        self.do(self._decide_approval, self.one(Viewer, 0), TARO, "approve")

    @precondition(lambda self: len(self.all(Viewer)) < MOST)
    @rule()
    def a_viewer_asks(self) -> None:
        self.begin(self._ask_to_view)

    @precondition(lambda self: self.all(Viewer))
    @rule(pick=PICK, is_right=st.booleans(), times=st.sampled_from((1, 10, 12)))
    def a_token_is_entered(self, pick: int, times: int, *, is_right: bool) -> None:
        self.do(self._enter, self.one(Viewer, pick), 1 if is_right else times, is_right=is_right)

    @precondition(lambda self: self.all(Viewer))
    @rule(pick=PICK)
    def a_viewer_reads(self, pick: int) -> None:
        self.do(self._read, self.one(Viewer, pick))

    @precondition(lambda self: self.all(Viewer))
    @rule(pick=PICK)
    def a_viewer_withdraws(self, pick: int) -> None:
        self.do(self._withdraw_viewer, self.one(Viewer, pick))

    @precondition(lambda self: self.all(Viewer))
    @rule(pick=PICK)
    def staff_revoke_a_viewer(self, pick: int) -> None:
        self.do(self._revoke, self.one(Viewer, pick))

    async def _ask_to_view(self) -> None:
        stage, number = self.stage, len(self.all(Viewer))
        person = f"viewer{number}@minato.example"
        asked = {"name": "閲覧 次郎", "mail_address": person, "pc_name": "PC", "pc_fingerprint": f"pc-{number}"}
        at = await stage.now()
        answer = await stage.post(_REQUESTS, asked | {"company_code": stage.device.customer_id}, {})
        assert answer.status_code == 202, answer.text
        procedure_id = f"viewer-access-{stage.tenant_id}-{answer.json()['request_id']}"
        self.put(Viewer(procedure_id, at, person=person, approvers=_APPROVERS))

    async def _enter(self, page: Viewer, times: int, *, is_right: bool) -> None:
        right = self.stage.context.link_key.viewer_token(page.request_id)
        for _ in range(times):
            body = {"token": right if is_right else "AAAA-BBBB-CCCC-DDDD", "pc_fingerprint": self._pc(page)}
            at = await self.stage.now()
            answer = await self.stage.post(f"{_REQUESTS}/{page.request_id}/token", body, {})
            told = answer.json()
            code = "ok" if answer.is_success else (told.get("errors") or [told])[0]["code"]
            assert code == page.redeem(at, is_right=is_right), answer.text
            page.credential = told.get("credential", page.credential)

    async def _read(self, page: Viewer) -> None:
        headers = {"Authorization": f"Bearer {page.credential}", "X-PC-Fingerprint": self._pc(page)}
        at = await self.stage.now()
        answer = await self.stage.api.get("/v1/viewer/data", headers=headers)
        assert answer.status_code == (200 if page.use(at) else 401), answer.text

    async def _withdraw_viewer(self, page: Viewer) -> None:
        body, at = {"pc_fingerprint": self._pc(page)}, await self.stage.now()
        answer = await self.stage.api.request("DELETE", f"{_REQUESTS}/{page.request_id}", json=body)
        assert answer.status_code == 204, answer.text
        page.withdraw(at)

    async def _revoke(self, page: Viewer) -> None:
        stage, at = self.stage, await self.stage.now()
        url = f"{stage.url}/customers/{stage.device.customer_id}/viewers/{page.request_id}"
        answer = await stage.api.delete(url, headers=stage.staff)
        assert answer.status_code == (204 if page.revoke(at) else 404), answer.text

    def _pc(self, page: Viewer) -> str:
        return f"pc-{self.all(Viewer).index(page)}"


class SupportScenes(ApprovalScenes):
    @precondition(lambda self: not any(page.is_open for page in self.all(Support)))
    @rule()
    def the_desk_asks_and_may(self) -> None:
        self.begin(self._ask_for_support)
        self.do(self._decide_approval, self.one(Support, 0), HANAKO, "approve")

    @rule()
    def the_desk_asks(self) -> None:
        self.do(self._ask_for_support)

    @precondition(lambda self: self.all(Support))
    @rule(pick=PICK, act=st.sampled_from(("withdraw", "end")))
    def the_desk_takes_it_back_or_ends_it(self, pick: int, act: str) -> None:
        self.do(self._tell, self.one(Support, pick), act)

    @precondition(lambda self: any(page.state == "running" for page in self.all(Support)))
    @rule(who=_WHO)
    def an_administrator_ends_the_session(self, who: str) -> None:
        self.do(self._end_by_link, self.one(Support, 0), who)

    async def _ask_for_support(self) -> None:
        stage, at = self.stage, await self.stage.now()
        body = {"utm_id": stage.device.utm_id, "reason": "通信が遅い", "desk_operator": "佐藤 花子"}
        answer = await stage.post(_URL, body, stage.operator)
        if any(page.is_open for page in self.all(Support)):
            assert answer.json()["code"] == "remote_support_open", answer.text
            return
        assert answer.status_code == 201, answer.text
        request_id = answer.json()["request_id"]
        procedure_id = f"remote-support-{stage.tenant_id}-{request_id}"
        self.put(Support(procedure_id, at, desk=DESK, approvers=_APPROVERS, request_id=request_id))

    async def _tell(self, page: Support, act: str) -> None:
        at = await self.stage.now()
        answer = await self.stage.post(f"{_URL}/{page.request_id}/{act}", {}, self.stage.operator)
        is_done = page.withdraw(at) if act == "withdraw" else page.end(at)
        assert answer.status_code == (200 if is_done else 409), answer.text

    async def _end_by_link(self, page: Support, who: str) -> None:
        ends = LinkPurpose.REMOTE_SUPPORT_END
        for token in await tokens(self.stage, page.procedure_id, recipient=who, purpose=ends):
            at = await self.stage.now()
            await self.stage.press(token)
            page.end(at)
