"""What must hold of contracts that were cancelled, ended and undone, besides what every job must keep."""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from tests.faults.contract_evidence import ContractEvidence, Undone
from tests.faults.invariants import kept
from tests.faults.violation import Violation

CONTRACT_STORY = (
    *("contract_applied", "contract_cancelled", "contract_ended"),
    *("return_kits_planned", "cancellation_undone", "return_kits_undone"),
)
KIT_STORY = ("return_kit_requested", "return_kit_reported_shipped", "return_kit_unreturned", "return_kit_undone")


def violations(evidence: ContractEvidence) -> list[Violation]:
    checks = (kept, _as_though_never_cancelled, _one_kit, _each_charge_once_and_reversed, _told_in_order, _mails)
    return [violation for check in checks for violation in check(evidence)]


def _as_though_never_cancelled(evidence: ContractEvidence) -> Iterator[Violation]:
    """Active with the terms it had (UND-02)."""
    for one in evidence.expected:
        rows = evidence.contracts.get(one.job, [])
        wanted = {
            "status": "active",
            "cancellation_date": None,
            "fee_charged": False,
            "fee": None,
            "ended_at": None,
            "term_number": 0,
            "term_end_date": one.applied.get("term_end_date"),
        }
        found = [{**row, "term_end_date": row["term_end_date"].isoformat()} for row in rows]
        if found != [wanted]:
            yield Violation("contracts", one.job, f"is {found}")


def _one_kit(evidence: ContractEvidence) -> Iterator[Violation]:
    """Recalled, and sent once (KIT-01, UND-03)."""
    for one in evidence.expected:
        wanted = [{"utm_id": one.utm_id, "state": "recalled", "sendings": 1, "waived": False}]
        if (kits := evidence.kits.get(one.job, [])) != wanted:
            yield Violation("kits", one.job, f"has the kits {kits}")
        parcels = [(parcel["kind"], parcel["state"], parcel["number"]) for parcel in evidence.parcels.get(one.job, [])]
        if parcels != [("return_kit", "shipped", 1)]:
            yield Violation("kits", one.job, f"has the parcels {parcels}")


def _each_charge_once_and_reversed(evidence: ContractEvidence) -> Iterator[Violation]:
    """The fee and the device that was kept: both on the account once, and taken back by the undo (CAN-02, KIT-04)."""
    for one in evidence.expected:
        charges = [(charge["kind"], charge["reversed"]) for charge in evidence.charges.get(one.job, [])]
        if charges != [("cancellation_fee", True), ("non_return", True)]:
            yield Violation("charges", one.job, f"has on its account {charges}")


def _told_in_order(evidence: ContractEvidence) -> Iterator[Violation]:
    """Each procedure's timeline is the story, whatever died on the way."""
    told = sorted((entry for entry in evidence.entries if entry.step), key=lambda entry: entry.procedure_id)
    stories = {
        procedure_id: tuple(entry.what for entry in entries if not entry.what.startswith("mail_"))
        for procedure_id, entries in groupby(told, key=lambda entry: entry.procedure_id)
    }
    for one in evidence.expected:
        mine = {name: story for name, story in stories.items() if f"-{one.tenant_id}-" in name}
        if sorted(mine.values()) != sorted((CONTRACT_STORY, KIT_STORY)):
            yield Violation("timeline", one.job, f"tells {mine}")


def _mails(evidence: ContractEvidence) -> Iterator[Violation]:
    jobs = evidence.jobs()
    sent: dict[str | None, Counter[tuple[str, str]]] = {}
    for letter in evidence.letters:
        sent.setdefault(jobs.get(letter.procedure_id), Counter())[letter.template, letter.recipient] += 1
    for one in evidence.expected:
        found = sent.pop(one.job, Counter())
        if found != (wanted := expected_mails(one)):
            yield Violation("mails", one.job, f"lacks {wanted - found}, has too many of {found - wanted}")
    for job, mails in sent.items():
        yield Violation("mails", job or "nobody", f"has {mails}")


def expected_mails(one: Undone) -> Counter[tuple[str, str]]:
    """(template, recipient) of everything that it has sent."""
    to_staff = ("contract_applied", "contract_cancelled", "return_kit_unreturned", "cancellation_undone")
    to_customer = ("return_kit_sent", "return_kit_recalled")
    return Counter([(name, one.staff) for name in to_staff] + [(name, one.contact) for name in to_customer])
