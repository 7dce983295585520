"""What should happen when administrators are asked: viewer access and remote support, on paper."""

from datetime import datetime, timedelta

from tests.machine.paper import DAY, HOUR, MINUTE, Offer, Page

_ANSWER_WITHIN = 15 * MINUTE
_ATTEMPTS = 3


class Asking(Page):
    """Whoever decides first decides."""

    def __init__(
        self, procedure_id: str, at: datetime, *, approvers: tuple[str, ...], requesters: tuple[str, ...]
    ) -> None:
        super().__init__(procedure_id, "awaiting_approval")
        self.approvers = approvers
        self.decisions = 0
        self._requesters = requesters
        self._at = at

    within: timedelta
    name: str

    def ask(self) -> None:
        self.mail("approval_request", self.approvers)
        self._dates = [self._at + self.within / 2, self._at + self.within]

    @property
    def is_pending(self) -> bool:
        return self.state == "awaiting_approval"

    @property
    def due(self) -> datetime | None:
        return self._dates[0] if self.is_pending else None

    def happen(self, at: datetime) -> None:
        self._dates.pop(0)
        if self._dates:
            self.write(at, "approvers_reminded")
            self.mail("approval_reminder", self.approvers)
            return
        self.write(at, "approval_expired")
        self.settle("expired", at, others=self.approvers)

    def decide(self, who: str, decision: str, at: datetime) -> bool:
        if not self.is_pending:
            return False
        self.decisions += 1
        outcome = {"approve": "approved", "deny": "denied"}[decision]
        self.write(at, f"approver_{outcome}")
        self.settle(outcome, at, others=tuple(one for one in self.approvers if one != who))
        return True

    def withdraw(self, at: datetime) -> bool:
        if not self.is_pending:
            return False
        self.write(at, "approval_withdrawn")
        self.settle("withdrawn", at, others=self.approvers)
        return True

    def settle(self, outcome: str, at: datetime, *, others: tuple[str, ...]) -> None:
        if outcome != "withdrawn":
            self.mail("approval_outcome", self._requesters)
        self.mail("approval_settled", others)
        self.hear(outcome, at)

    def hear(self, outcome: str, at: datetime) -> None:
        """What the procedure makes of it."""
        self.write(at, f"{self.name}_{outcome}", state=outcome)


class Viewer(Asking):
    within = 7 * DAY
    name = "viewer"

    def __init__(self, procedure_id: str, at: datetime, *, person: str, approvers: tuple[str, ...]) -> None:
        super().__init__(procedure_id, at, approvers=approvers, requesters=())
        self.request_id = "-".join(procedure_id.split("-")[3:])  # viewer-access-T…-VR-…
        self.credential = ""
        self.tries = 0
        self.was_allowed = False
        self._person = person
        self._looks_at: datetime | None = None
        self._used_at = self._warned_at = at
        self.write(at, "viewer_requested")
        self.ask()

    @property
    def due(self) -> datetime | None:
        return super().due if self.is_pending else self._looks_at

    def happen(self, at: datetime) -> None:
        if self.is_pending:
            super().happen(at)
        elif self.state == "token_sent":
            self._close("token_expired", at)
        else:
            self._look(at)

    def hear(self, outcome: str, at: datetime) -> None:
        if outcome == "withdrawn":
            return  # whoever withdrew it says what it is
        if outcome != "approved":
            super().hear(outcome, at)
            self.mail("viewer_refused", [self._person])
            return
        self.write(at, "viewer_token_sent", state="token_sent")
        self.mail("viewer_token", [self._person])
        self._looks_at = at + DAY

    def redeem(self, at: datetime, *, is_right: bool) -> str:
        """What it is answered: the code of the refusal, or `ok`."""
        if self.state == "token_sent" and self.tries < 10:
            if not is_right:
                self.tries += 1
                return "wrong_token"
            self.write(at, "viewer_allowed", state="allowed")
            self.was_allowed, self._used_at = True, at
            self._looks_at = at + 166 * DAY
            return "ok"
        return self._refusal(is_right=is_right)

    def _refusal(self, *, is_right: bool) -> str:
        if self.was_allowed:
            return "token_used" if is_right else "wrong_token"
        if self.state == "token_sent":
            return "token_exhausted"
        if self.state == "token_expired":
            return "token_exhausted" if self.tries >= 10 else "token_expired"
        return "wrong_token"

    def use(self, at: datetime) -> bool:
        if self.state != "allowed":
            return False
        if at - self._used_at > 10 * MINUTE:
            self._used_at = at
        return True

    def withdraw(self, at: datetime) -> bool:
        return self.state != "allowed" and self._leave("withdrawn", at)

    def revoke(self, at: datetime) -> bool:
        return self._leave("revoked", at)

    def _leave(self, state: str, at: datetime) -> bool:
        if self.state not in ("awaiting_approval", "token_sent", "allowed"):
            return False
        super().withdraw(at)
        self._close(state, at)
        return True

    def _look(self, at: datetime) -> None:
        self.write(at, "viewer_idleness")
        if self._warned_at >= self._used_at and at >= self._used_at + 180 * DAY:
            self.write(at, "viewer_unused", state="unused")
            self._looks_at = None
            return
        if at >= self._used_at + 166 * DAY:
            self._warned_at = at
            self.write(at, "viewer_end_announced")
            self.mail("viewer_unused", [self._person, *self.approvers])
            self._looks_at = self._used_at + 180 * DAY
        else:
            self._looks_at = self._used_at + 166 * DAY

    def _close(self, state: str, at: datetime) -> None:
        self.write(at, f"viewer_{state}", state=state)
        self._looks_at = None


class Support(Asking):
    within = DAY
    name = "remote_support"

    def __init__(
        self, procedure_id: str, at: datetime, *, desk: str, approvers: tuple[str, ...], request_id: str
    ) -> None:
        super().__init__(procedure_id, at, approvers=approvers, requesters=(desk,))
        self.request_id = request_id
        self.order = ""
        """What the device is told and has not answered: start or stop."""
        self.is_taken = False
        """The device has been handed the order."""
        self.is_begun = False
        """And has said that it began with it."""
        self._everybody = (desk, *approvers)
        self._attempts = 0
        self._until: datetime | None = None
        self._since = at
        self.write(at, "remote_support_requested")
        self.ask()

    @property
    def due(self) -> datetime | None:
        return super().due if self.is_pending else self._until

    @property
    def is_busy(self) -> bool:
        return bool(self.order) and self.is_begun

    def offers(self, at: datetime) -> list[Offer]:
        if not self.order or self.is_begun:
            return []
        return [Offer(self._since, f"remote_support_{self.order}", self._take)]

    @property
    def is_open(self) -> bool:
        return self.state in ("awaiting_approval", "starting", "running")

    def happen(self, at: datetime) -> None:
        if self.is_pending:
            super().happen(at)
        elif self.state == "running":
            self._end(at, stops=True)
        else:
            self.write(at, "remote_support_unanswered")
            self._try(at)

    def hear(self, outcome: str, at: datetime) -> None:
        if outcome != "approved":
            super().hear(outcome, at)
            return
        self.write(at, "remote_support_starting", state="starting")
        self._try(at)

    def report(self, said: str, at: datetime) -> bool:
        """Of the order that the device has."""
        if not self.order or not self.is_taken:
            return False
        self.write(at, f"remote_support_device_{said}")
        if said == "started":
            self.is_begun, self._until = True, at + _ANSWER_WITHIN
        elif said == "failed":
            self._fail(at)
        elif self.order == "start":
            self._run(at)
        else:
            self.order, self._until = "", None
        return True

    def end(self, at: datetime, *, by_device: bool = False) -> bool:
        if self.state not in ("starting", "running"):
            return False
        is_out_of_hands = not self.order or self.is_taken
        self._end(at, stops=not by_device and is_out_of_hands)
        return True

    def _take(self) -> None:
        self.is_taken = True

    def _run(self, at: datetime) -> None:
        self.state, self.order, self._until = "running", "", at + 2 * HOUR
        self.mail("remote_support_session", self.approvers)
        self.mail("remote_support_session_desk", self._requesters)

    def _fail(self, at: datetime) -> None:
        """It is told again after ten seconds, if it is told again."""
        if self._attempts < _ATTEMPTS:
            self.order, self._until = "", at + timedelta(seconds=10)
        else:
            self._try(at)

    def _try(self, at: datetime) -> None:
        if self._attempts < _ATTEMPTS:
            self._attempts += 1
            self.order = "start" if self.state == "starting" else "stop"
            self.is_taken = self.is_begun = False
            self._since = at
            self._until = at + _ANSWER_WITHIN
            return
        self.order, self._until = "", None
        if self.state == "starting":
            self.state = "failed"
            self.mail("remote_support_failed", self._everybody)
        else:
            self.mail("remote_support_unstopped", self._everybody)

    def _end(self, at: datetime, *, stops: bool) -> None:
        self.write(at, "remote_support_ended", state="ended")
        self.mail("remote_support_ended", self._everybody)
        self.order, self._until, self._attempts = "", None, 0
        if stops:
            self._try(at)
