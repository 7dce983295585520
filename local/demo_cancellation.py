"""The rest of the second act: a cancellation foreseen, made, undone and made again, and the device's way home."""

from calendar import monthrange
from datetime import date, datetime, timedelta
from pathlib import Path

from local.demo_cast import DemoFailedError, Json
from local.demo_foresight import Foresight
from local.demo_narration import Narrator, minute, said
from local.demo_office import APPLICANT, Office, in_japan

_A_LITTLE = timedelta(minutes=10)
_A_DAY = timedelta(days=1)
_UNTIL_THE_BOX_HAS_LEFT = timedelta(hours=9)
_UNTIL_THE_DEVICE_IS_BACK = timedelta(days=16)


class CancellationStory:
    def __init__(self, office: Office, narrator: Narrator, number: str) -> None:
        self._office = office
        self._narrator = narrator
        self._number = number

    async def tell(self) -> None:
        wish = {"cancellation_date": _end_of_a_month(await self._today()).isoformat(), "charge_fee": True}
        foresight = await self._foresee(wish)
        closes = await self._cancel(wish)
        await self._undo(closes - _A_DAY)
        await self._cancel_again(wish)
        await self._end(closes)
        await self._bring_home()
        await self._check(foresight)

    async def _foresee(self, wish: Json) -> Foresight:
        self._narrator.act("What if it were cancelled?")
        foreseen = await self._office.of_customer("POST", self._path("/cancel?lang=en"), {**wish, "dry_run": True})
        foresight = Foresight(self._office, self._number, foreseen["consequences"])
        await self._narrator.step(f"A dry run for {wish['cancellation_date']}; it changes nothing.")
        self._narrator.lines(foresight.lines())
        await self._narrator.show()
        return foresight

    async def _cancel(self, wish: Json) -> datetime:
        """Returns when it can no longer be undone."""
        self._narrator.act("Cancelled, undone, and cancelled again")
        cancelled = await self._office.of_customer("POST", self._path("/cancel"), wish)
        [mail] = await self._office.mails_sent("contract_cancelled", 1)
        await self._narrator.step(
            f"Cancelled for {cancelled['cancellation_date']}, with a fee of {cancelled['fee']:,} yen. "
            f"It can be undone until {minute(cancelled['undo_deadline'])}.",
            await self._office.link_to(mail),
        )
        return datetime.fromisoformat(cancelled["undo_deadline"])

    async def _undo(self, at: datetime) -> None:
        await self._office.jump(at)
        undone = await self._office.of_customer("POST", self._path("/undo-cancellation"), {})
        [mail] = await self._office.mails_sent("cancellation_undone", 1)
        await self._narrator.step(
            f"{minute(at)}, a day before that: undone. The contract is {undone['status']}, the fee reversed.",
            await self._office.link_to(mail),
        )

    async def _cancel_again(self, wish: Json) -> None:
        await self._office.of_customer("POST", self._path("/cancel"), wish, occasion="again")
        [_, mail] = await self._office.mails_sent("contract_cancelled", 2)
        await self._narrator.step(
            "They leave after all: cancelled for the same day, so what was foreseen holds.",
            await self._office.link_to(mail),
        )

    async def _end(self, closes: datetime) -> None:
        self._narrator.act("The end, and the device's way home")
        await self._office.jump(closes + _A_LITTLE)
        code = await self._office.refusal(self._path("/undo-cancellation"))
        if code != "undo_window_closed":
            raise DemoFailedError(f"An undo after the window has closed was answered {code}.")
        await self._narrator.step(f"{minute(closes)}: the contract has ended. An undo now is refused: {code}.")

    async def _bring_home(self) -> None:
        planned = await self._kit()
        await self._office.jump(datetime.fromisoformat(planned["requested_at"]) + _UNTIL_THE_BOX_HAS_LEFT)
        kit = await self._kit_becomes("sent")
        [mail] = await self._office.mails("return_kit_sent", to=APPLICANT)
        inbox_mail = await self._office.cast.in_inbox(mail)
        await self._narrator.step(
            f"{kit['sent_on']}, the first business day: a return kit has left, waybill {kit['waybill_number']}. "
            f"The device is asked back by {kit['due_date']}.",
            ("mail", self._office.cast.mail_page(inbox_mail)),
            ("slip, from the mail", f"{self._office.cast.mail_page(inbox_mail)}/attachments/1"),
            ("slip, as a file", str(await self._slip(kit))),
        )
        await self._office.jump(await self._office.cast.now() + _UNTIL_THE_DEVICE_IS_BACK)
        kit = await self._kit_becomes("closed")
        self._narrator.lines(said(await self._office.cast.said_by_carrier(kit["shipment_id"])))
        await self._narrator.step(f"The device is back since {minute(kit['received_at'])}; nothing is charged for it.")

    async def _check(self, foresight: Foresight) -> None:
        self._narrator.act("Has it come true?")
        await self._office.jump(foresight.last + _A_LITTLE)
        verdicts = await foresight.verdicts()
        now = minute(await self._office.cast.now())
        await self._narrator.step(f"It is {now} in the rehearsal. What the dry run said, and what came of it:")
        self._narrator.checked([(one.at, one.foreseen, one.came, one.is_true) for one in verdicts])
        wrong = [one.foreseen for one in verdicts if not one.is_true]
        if wrong:
            raise DemoFailedError(f"Not everything came true: {wrong}")
        await self._narrator.step(f"All {len(verdicts)} lines came true.")

    # Private steps.

    def _path(self, what: str = "") -> str:
        return f"/contracts/{self._number}{what}"

    async def _today(self) -> date:
        return in_japan(await self._office.cast.now()).date()

    async def _kit(self) -> Json:
        [kit] = (await self._office.of_customer("GET", self._path("/return-kits")))["items"]
        found: Json = kit
        return found

    async def _kit_becomes(self, state: str) -> Json:
        """A carrier killed in the middle of a jump was away for hours of it; asked again, its next day is the first.

        Raises:
            DemoFailedError: it is not in the state after three days.
        """
        for _ in range(72):
            if (kit := await self._kit())["state"] == state:
                return kit
            await self._office.jump(await self._office.cast.now() + timedelta(hours=1))
        raise DemoFailedError(f"The return kit is {kit['state']}, not {state}.")

    async def _slip(self, kit: Json) -> Path:
        """What staff download, kept as a file."""
        slip = self._office.cast.folder / f"return-slip-{kit['utm_id']}.pdf"
        slip.write_bytes(await self._office.download(self._path(f"/return-kits/{kit['utm_id']}/slip.pdf")))
        return slip


def _end_of_a_month(today: date) -> date:
    """A week away at least, and before the next renewal's first notice."""
    day = today + timedelta(days=7)
    return day.replace(day=monthrange(day.year, day.month)[1])
