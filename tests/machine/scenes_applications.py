"""Applicants, staff, and the people who sign up."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.accounts import PASSWORD, WRONG
from tests.api.test_service_application import FORM
from tests.machine.agreement import newest, tokens
from tests.machine.paper import Application, Locked, Reset, Signup
from tests.machine.play import MOST, PICK, Play
from tests.machine.stage import PERSON

_NEW = "Sora9-ishi.Hana"


class ApplicationScenes(Play):
    @precondition(lambda self: len(self.all(Application)) < MOST)
    @rule(users=st.integers(1, 2))
    def somebody_applies(self, users: int) -> None:
        self.begin(self._apply, users)

    @precondition(lambda self: len(self.all(Application)) < MOST)
    @rule()
    def somebody_becomes_a_customer(self) -> None:
        """So that signups, too, are there to be played with."""
        self.begin(self._apply, 1)
        self.do(self._confirm, self.one(Application, 0))
        self.do(self._decide, self.one(Application, 0), "approve")

    @precondition(lambda self: self.all(Application))
    @rule(pick=PICK)
    def the_applicant_confirms(self, pick: int) -> None:
        self.do(self._confirm, self.one(Application, pick))

    @precondition(lambda self: self.all(Application))
    @rule(pick=PICK, decision=st.sampled_from(("approve", "deny", "hold")))
    def staff_decide(self, pick: int, decision: str) -> None:
        self.do(self._decide, self.one(Application, pick), decision)

    @precondition(lambda self: self.all(Application))
    @rule(pick=PICK)
    def the_applicant_withdraws(self, pick: int) -> None:
        self.do(self._withdraw, self.one(Application, pick))

    @precondition(lambda self: self.all(Signup))
    @rule(pick=PICK, is_latest=st.booleans())
    def a_user_registers(self, pick: int, *, is_latest: bool) -> None:
        self.do(self._register, self.one(Signup, pick), is_latest=is_latest)

    @precondition(lambda self: self.all(Signup))
    @rule(pick=PICK)
    def staff_resend_a_signup(self, pick: int) -> None:
        self.do(self._resend, self.one(Signup, pick))

    @precondition(lambda self: any(one.state == "signup_open" for one in self.all(Signup)))
    @rule(pick=PICK)
    def staff_delete_a_user(self, pick: int) -> None:
        self.do(self._delete, self.one(Signup, pick))

    async def _apply(self, users: int) -> None:
        stage, number = self.stage, len(self.all(Application))
        url = (await stage.api.get(f"{stage.url}/invitation", headers=stage.staff)).json()["url"]
        applicant = f"applicant{number}@minato.example"
        addresses = tuple(f"user{number}-{user}@minato.example" for user in range(users))
        people = [{**PERSON, "mail_address": address} for address in addresses]
        form = FORM | {"company": {**FORM["company"], "mail_address": applicant}, "portal_users": people}
        at = await stage.now()
        answer = await stage.post(f"/v1/apply/{url.rsplit('/', 1)[1]}", form, {})
        assert answer.status_code == 201, answer.text
        procedure_id = f"service-application-{stage.tenant_id}-{answer.json()['application_number']}"
        self.put(Application(procedure_id, at, applicant=applicant, notified=stage.notified, users=addresses))

    async def _confirm(self, page: Application) -> None:
        [token] = await tokens(self.stage, page.procedure_id)
        at = await self.stage.now()
        await self.stage.press(token)
        page.confirm(at, self.stage.is_business_day)

    async def _withdraw(self, page: Application) -> None:
        [token] = await tokens(self.stage, page.procedure_id)
        at = await self.stage.now()
        await self.stage.press(token, withdraw="yes")
        page.withdraw(at)

    async def _decide(self, page: Application, decision: str) -> None:
        stage, at = self.stage, await self.stage.now()
        answer = await stage.post(f"{stage.url}/applications/{page.number}/{decision}", {}, stage.staff)
        is_done = page.decide(decision, at)
        assert (answer.status_code == 200) == is_done, f"{answer.text}, on paper {is_done}"
        if not is_done:
            assert answer.status_code in (404, 409), answer.text
        elif decision == "approve":
            url = f"{stage.url}/customers/{answer.json()['customer_id']}/users"
            for user in (await stage.api.get(url, headers=stage.staff)).json()["items"]:
                procedure_id = f"signup-{stage.tenant_id}-{user['user_id']}"
                customer = {"address": user["mail_address"], "customer_id": answer.json()["customer_id"]}
                self.put(Signup(procedure_id, at, **customer))

    async def _register(self, page: Signup, *, is_latest: bool) -> None:
        links = await tokens(self.stage, page.procedure_id)
        if not links:
            return
        at = await self.stage.now()
        await self.stage.press(links[-1 if is_latest else 0], password=PASSWORD, password_confirmation=PASSWORD)
        if is_latest or len(links) == 1:
            page.register(at)

    async def _resend(self, page: Signup) -> None:
        stage, at = self.stage, await self.stage.now()
        url = f"{stage.url}/customers/{page.customer_id}/users/{page.user_id}/resend"
        answer = await stage.post(url, {}, stage.staff)
        expected = 404 if page.state == "deleted" else 200 if page.resend(at) else 409
        assert answer.status_code == expected, answer.text

    async def _delete(self, page: Signup) -> None:
        if page.state != "signup_open":
            return
        stage, at = self.stage, await self.stage.now()
        url = f"{stage.url}/customers/{page.customer_id}/users/{page.user_id}"
        assert (await stage.api.delete(url, headers=stage.staff)).status_code == 204
        page.delete(at)


class AccountScenes(Play):
    @rule(is_right=st.booleans(), times=st.sampled_from((1, 9)))
    def somebody_signs_in(self, *, is_right: bool, times: int) -> None:
        self.do(self._sign_in, 1 if is_right else times, is_right=is_right)

    @precondition(lambda self: len(self.all(Reset)) < MOST)
    @rule()
    def the_password_is_forgotten(self) -> None:
        self.begin(self._forget)

    @precondition(lambda self: self.all(Reset))
    @rule(pick=PICK)
    def a_new_password_is_set(self, pick: int) -> None:
        self.do(self._set, self.one(Reset, pick))

    async def _sign_in(self, times: int, *, is_right: bool) -> None:
        password = self._password if is_right else WRONG
        for _ in range(times):
            at = await self.stage.now()
            expected = self.account.try_in(at, is_right=is_right)
            body = {"mail_address": self.stage.account, "password": password}
            answer = await self.stage.api.post("/v1/sessions", json=body)
            assert answer.status_code == expected, answer.text
            if self.account.wrong_in_a_row == 10 and expected == 401:
                self.put(Locked(await newest(self.stage, "account-lock"), at, address=self.stage.account))

    async def _forget(self) -> None:
        at = await self.stage.now()
        answer = await self.stage.post("/v1/password-resets", {"mail_address": self.stage.account}, {})
        assert answer.status_code == 202, answer.text
        self.put(Reset(await newest(self.stage, "password-reset"), at, address=self.stage.account))

    async def _set(self, page: Reset) -> None:
        [token] = await tokens(self.stage, page.procedure_id)
        at, new = await self.stage.now(), f"{_NEW}{len(self.stage.pages)}"
        await self.stage.press(token, password=new, password_confirmation=new)
        if page.complete(at):
            self._password = new
            self.account.unlock()
            for other in self.all(Reset):
                other.is_dead = True

    _password = PASSWORD
