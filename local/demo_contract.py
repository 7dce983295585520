"""The demo's second act: a contract from its shipment through a renewal, on a rehearsal, whose world clock jumps."""

from datetime import datetime, timedelta

from local.demo_cancellation import CancellationStory
from local.demo_cast import Cast, DemoFailedError
from local.demo_narration import Narrator, said
from local.demo_office import APPLICANT, Office, in_japan
from models.rules.periods import morning_of

_A_CARRIERS_WORST_DAYS = timedelta(days=9)
_ZONE = "Asia/Tokyo"


class ContractStory:
    def __init__(self, cast: Cast, narrator: Narrator) -> None:
        self._cast = cast
        self._narrator = narrator

    async def tell(self) -> Office:
        """Returns those who told it, for what they do next."""
        await self._meet_again()
        await self._ship()
        await self._renew()
        await CancellationStory(self._office, self._narrator, self._number).tell()
        return self._office

    async def _meet_again(self) -> None:
        self._narrator.act("Second act: the contract's life, on a clock that jumps")
        tenant, _ = await Office.found(self._cast)
        self._office, _ = await Office.staffed(self._cast, tenant)
        await self._office.confirm_desk()
        await self._office.take_customer()
        begun = in_japan(await self._cast.now())
        contract = await self._office.apply(await self._office.offer_product(), begun.date())
        self._number: str = contract["contract_number"]
        self._renewed_at = morning_of(datetime.fromisoformat(contract["next_renewal_date"]).date(), _ZONE)
        await self._narrator.step(
            f"A rehearsal has the same people and product, and their contract {self._number} as in the first act: "
            f"from {contract['start_date']} to {contract['term_end_date']}, then four months at a time.",
            ("all its mails", str(self._cast.addresses.inbox_url)),
        )

    async def _ship(self) -> None:
        path = f"/contracts/{self._number}/shipment"
        parcel = await self._office.once_there(path)
        await self._office.jump(await self._cast.now() + timedelta(hours=2))
        [first] = await self._office.mails("utm_planned_arrival", to=APPLICANT)
        planned = (await self._office.of_customer("GET", path))["planned_arrival_date"]
        await self._narrator.step(
            f"Two hours later the carrier plans to be there on {planned}.", await self._office.link_to(first)
        )
        await self._office.jump(await self._cast.now() + _A_CARRIERS_WORST_DAYS)
        arrived = await self._office.of_customer("GET", path)
        if arrived["state"] != "delivered":
            raise DemoFailedError(f"The UTM is {arrived['state']}.")
        [_, second] = await self._office.mails("utm_planned_arrival", to=APPLICANT)
        [waybill] = await self._office.mails("utm_waybill_number", to=APPLICANT)
        await self._narrator.step(
            f"Nine days on, the UTM was delivered: waybill {arrived['waybill_number']}; "
            "it came a day late, which was mailed as well.",
            await self._office.link_to(waybill, "mail, waybill"),
            await self._office.link_to(second, "mail, new date"),
        )
        await self._narrator.step("The carrier has told of it out of order, and of some of it twice:")
        self._narrator.lines(said(await self._cast.said_by_carrier(parcel["shipment_id"])))
        utm = await self._office.register_utm()
        await self._narrator.step(f"All of it counted once. UTM {utm['utm_id']} is registered for the contract.")

    async def _renew(self) -> None:
        await self._office.jump(self._renewed_at)
        notices = await self._office.mails("contract_renewal_notice")
        contract = await self._office.of_customer("GET", f"/contracts/{self._number}")
        days = " and ".join(f"{in_japan(notice['sent_at']):%Y-%m-%d}" for notice in notices)
        await self._narrator.step(
            f"Three months pass. Notices went out on {days}, and the contract has renewed itself, "
            f"to {contract['term_end_date']}.",
            *[await self._office.link_to(notice, "mail, notice") for notice in notices],
        )
