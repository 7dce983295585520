"""A story of each procedure, from its beginning to its end: a test that people already tell it by."""

from collections.abc import Iterable, Sequence

_TESTS = "tests/processes"
# By the workflows' types. A story's other procedures have stories of their own.
STORIES = {
    "AccountLock": "test_account_lock.py::test_each_lock_sends_one_mail_with_portal_and_duration",
    "Contract": "test_contract_undo.py::test_renewals_that_fell_due_meanwhile_happen",
    "ContractShortage": "test_contract_shortage.py::test_who_has_fewer_utms_under_contract_is_named_every_day_at_nine",
    "ContractShortageCheck": "test_contract_shortage.py::"
    "test_who_has_fewer_utms_under_contract_is_named_every_day_at_nine",
    "FleetRestart": "test_fleet_restart.py::test_it_is_cancelled_as_one_but_for_what_a_device_has",
    "Housekeeping": "test_recurrences.py::test_the_night_deletes_what_has_expired_and_nothing_else",
    "NotificationAddress": "test_notification_address.py::test_a_new_address_works_only_once_its_button_is_pressed",
    "NotificationAddressChange": "test_notification_address.py::"
    "test_a_new_address_works_only_once_its_button_is_pressed",
    "PasswordReset": "test_password_reset.py::test_an_sms_code_works_once",
    "PersonalInvitation": "test_personal_invitation.py::test_it_is_good_for_one_application",
    "RemoteSupport": "test_remote_support.py::test_a_session_from_the_request_to_its_end_by_an_administrator",
    "Restart": "test_restart.py::test_a_schedule_is_replaced_and_cancelled_with_a_mail_each",
    "ReturnKit": "test_return_kit.py::test_sent_and_returned_it_is_closed",
    "ServiceApplication": "test_service_application.py::"
    "test_hold_then_approve_makes_the_customer_and_starts_both_signups",
    "Shipment": "test_shipment.py::test_a_parcel_goes_its_way_and_the_customer_hears_of_date_and_waybill",
    "Signup": "test_signup.py::test_a_resend_kills_the_older_link_and_gives_seven_fresh_days",
    "UtmAddition": "test_utm_addition.py::test_an_application_is_told_to_both_sides_and_its_approval_to_the_applicant",
    "ViewerAccess": "test_viewer_access.py::test_a_pc_asks_is_approved_reads_and_is_revoked",
}


def procedures_of(test: str) -> Sequence[str]:
    """Whose story the test is. `test`: its file's name and its own."""
    return [procedure for procedure, story in STORIES.items() if story == test]


def tests_of(procedures: Iterable[str]) -> list[str]:
    """As pytest is told them, each once."""
    return sorted({f"{_TESTS}/{STORIES[procedure]}" for procedure in procedures})
