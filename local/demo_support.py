"""The demo's fourth act: what a company's administrators decide by mail, remote support and viewer access."""

import contextlib
import re
from datetime import datetime

from local.demo_cast import DemoFailedError, Json
from local.demo_narration import Narrator, minute
from local.demo_office import Office, link_in
from local.visitor import PageError

_KEN, _MAKI, _ROKU = "ken@hikari-store.example", "maki@hikari-store.example", "roku@hikari-store.example"
_DESK = "remote@support.example"
_PC = "PC-UMEDA-06"
_FINGERPRINT = "demo-pc-of-roku"
_SESSION_ID = re.compile(r"セッションID：(\S+)\s+パスワード：(\S+)")
_TOKEN = re.compile(r"認証トークン：(\S+)")


class SupportStory:
    """`utm_id`: one of the customer's, plugged in."""

    def __init__(self, office: Office, narrator: Narrator, utm_id: str) -> None:
        self._office = office
        self._cast = office.cast
        self._narrator = narrator
        self._utm_id = utm_id

    async def tell(self) -> None:
        self._narrator.act("Fourth act: what administrators decide by mail")
        await self._name_administrators()
        request = await self._ask()
        await self._approve(request)
        await self._run_out(request)
        await self._view()

    async def _name_administrators(self) -> None:
        for name, address in (("田村 健", _KEN), ("中村 真希", _MAKI)):
            await self._office.of_customer("POST", "/administrators", {"name": name, "mail_address": address})
        path = f"/utms/{self._utm_id}"
        await self._office.of_customer("PATCH", path, {"service_desk_addresses": [_DESK]})
        await self._narrator.step("The chain's administrators are 健 and 真希. They have no accounts, only mailboxes.")

    async def _ask(self) -> str:
        wish = {"utm_id": self._utm_id, "reason": "通信が遅いため調査します", "desk_operator": "佐藤 花子"}
        asked = await self._support("POST", "", wish)
        mail = await self._cast.mail(_KEN, "承認を求める内容")
        await self._cast.mail(_MAKI, "承認を求める内容")
        await self._narrator.step(
            f"The support desk asks to look into {self._utm_id}: {asked['state']}. Both get a link of their own.",
            ("mail", self._cast.mail_page(mail)),
        )
        link = link_in(mail)
        await self._cast.visitor.open(link)
        with contextlib.suppress(PageError):  # it says that nothing has been chosen
            await self._cast.visitor.press(link)
        state = (await self._support("GET", f"/{asked['request_id']}"))["state"]
        await self._narrator.step(
            f"A mail scanner opens the link and presses the button. It chooses nothing, so: {state}.", ("page", link)
        )
        request_id: str = asked["request_id"]
        return request_id

    async def _approve(self, request_id: str) -> None:
        link = link_in(await self._cast.mail(_MAKI, "承認を求める内容"))
        await self._cast.visitor.press(link, {"decision": "approve", "reason": "午後は空いています"})
        await self._until(request_id, "running")
        mail = await self._cast.mail(_DESK, "セッションID")
        session = _SESSION_ID.search(mail["text"])
        if session is None:
            raise DemoFailedError("The desk was not told how the session is called.")
        shown = await self._support("GET", f"/{request_id}")
        await self._narrator.step(
            f"真希 approves; 健 is told that it is settled, by {shown['decided_by']}. The device has started session "
            f"{session.group(1)}, and its password is in two mails and nowhere else.",
            ("page", link),
            ("mail", self._cast.mail_page(mail)),
        )
        ledger = await self._office.mails_sent("remote_support_session_desk", 1, to=_DESK)
        if session.group(2) in str([ledger, shown]):
            raise DemoFailedError("The password is where it must not be.")

    async def _run_out(self, request_id: str) -> None:
        ends_at = datetime.fromisoformat((await self._support("GET", f"/{request_id}"))["ends_at"])
        await self._office.jump(ends_at)
        ended = await self._until(request_id, "ended")
        mail = await self._cast.mail(_KEN, "リモートサポートが終了しました")
        await self._narrator.step(
            f"Nobody ends it, so its two hours do: {minute(ended['ended_at'])}, by {ended['ended_by']}. "
            "The device is told to stop, the password is erased.",
            ("mail", self._cast.mail_page(mail)),
        )
        path = f"/procedures/remote-support-{self._office.tenant}-{request_id}?lang=en"
        events = (await self._office.ask("GET", path))["timeline"]
        told = [event for event in events if "mail" not in event["what"]]
        self._narrator.lines([f"{minute(event['at'])}  {event['text']}" for event in told])
        await self._narrator.show()

    async def _view(self) -> None:
        wish = {"company_code": self._office.customer, "name": "森 六郎", "mail_address": _ROKU, "pc_name": _PC}
        asked = await self._viewer("POST", "/requests", wish | {"pc_fingerprint": _FINGERPRINT})
        link = link_in(await self._cast.mail(_KEN, _PC))
        await self._cast.visitor.press(link, {"decision": "approve"})
        mail = await self._cast.mail(_ROKU, "認証トークン")
        token = _TOKEN.search(mail["text"])
        if token is None:
            raise DemoFailedError("The mail has no token.")
        entered = {"token": token.group(1), "pc_fingerprint": _FINGERPRINT}
        credential = (await self._viewer("POST", f"/requests/{asked['request_id']}/token", entered))["credential"]
        headers = {"Authorization": f"Bearer {credential}", "X-PC-Fingerprint": _FINGERPRINT}
        seen = (await self._cast.api.get("/v1/viewer/data", headers=headers)).raise_for_status().json()
        await self._narrator.step(
            f"六郎's viewer program asks for his PC; 健 allows it, the mailed token is typed in, and it shows "
            f"{len(seen['utms'])} UTMs of {seen['company']['company_name']}.",
            ("page", link),
            ("mail", self._cast.mail_page(mail)),
        )
        stolen = headers | {"X-PC-Fingerprint": "another PC"}
        answer = await self._cast.api.get("/v1/viewer/data", headers=stolen)
        await self._narrator.step(f"The same credential on another PC: {answer.status_code}.")

    # Private steps.

    async def _support(self, method: str, path: str, body: Json | None = None) -> Json:
        """As the support desk, which is the operator's."""
        key = self._cast.addresses.operator_key
        return await self._cast.call(method, f"/v1/support/remote-support{path}", body, key=key)

    async def _viewer(self, method: str, path: str, body: Json) -> Json:
        return await self._cast.call(method, f"/v1/viewer{path}", body, key="nobody")

    async def _until(self, request_id: str, state: str) -> Json:
        path, key = f"/v1/support/remote-support/{request_id}", self._cast.addresses.operator_key
        return await self._cast.state(path, "state", state, key=key)
