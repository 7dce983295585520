"""Changes that no kept history notices, and why: by the module and the change's name."""

_NO_MAILS_REFUSED = "only where mails were refused before it; kept histories have that at other places"
_RACE = "only for a command in the very task in which something falls due: no test brings that about at will"
_SAME = "no difference: the delivery begins when the story next waits, whichever stands first"
_NO_NOTICE = "only where an operator has been told something and nobody has settled it by the end"
_LOST_A_RACE = "only where another was faster at the very moment: no test brings that about at will"
_BROKEN = "only where delivering itself is broken: kept histories of that belong to the tests' own procedure"
_ENDED = (
    "only for what is ended while it waits for an operator about a mail, at the one place where it has ended already"
)

REASONS: dict[tuple[str, str], str] = {
    ("contract", "Contract._do: without await self._catch_up()"): _RACE,
    ("notification_address", "NotificationAddress._story: self.deliver_mails() before await self._look()"): _SAME,
    (
        "notification_address",
        "NotificationAddress._story: without await self.give_up_refused_mails('system')",
    ): _NO_MAILS_REFUSED,
    (
        "personal_invitation",
        "PersonalInvitation._story: without await self.give_up_refused_mails('system')",
    ): _NO_MAILS_REFUSED,
    ("remote_support", "RemoteSupport.end: without await self._story_goes_first()"): _RACE,
    ("remote_support", "RemoteSupport.report: without await self._story_goes_first()"): _RACE,
    ("restart", "Restart._catch_up: without await self._do_what_is_due()"): _RACE,
    ("restart", "Restart.cancel: without await self._catch_up(command)"): _RACE,
    ("restart", "Restart.report: without await self._catch_up(command)"): _RACE,
    ("return_kit", "ReturnKit._do_what_is_due: without await self._look()"): _LOST_A_RACE,
    ("return_kit", "ReturnKit._story: without await self.settle_notice(_UNDELIVERABLE)"): _NO_NOTICE,
    (
        "return_kit",
        (
            "ReturnKit._undo: await self._record(ReturnKitActivities.record_kit_undone, 'undone')"
            " before await self.give_up_refused_mails('system')"
        ),
    ): _NO_MAILS_REFUSED,
    ("return_kit", "ReturnKit._undo: without await self.give_up_refused_mails('system')"): _NO_MAILS_REFUSED,
    ("shipment", "Shipment._story: without await self.settle_notice(step)"): _NO_NOTICE,
    (
        "signup",
        (
            "Signup.delete: await self.give_up_refused_mails(command.actor)"
            " before await self._close(SignupState.DELETED, step=f'delete-{command.command_id}', actor=command.…"
        ),
    ): _NO_MAILS_REFUSED,
    ("signup", "Signup.delete: without await self.give_up_refused_mails(command.actor)"): _NO_MAILS_REFUSED,
    ("signup", "Signup._open_again: without await self._story_goes_first()"): _RACE,
    ("utm_addition", "UtmAddition._remind: without await self._end(step='gone', actor='system')"): _LOST_A_RACE,
    (
        "procedure",
        "Procedure._try_delivery: without await self._ask_or_skip('deliver_mails', what_went_wrong(error))",
    ): _BROKEN,
    (
        "procedure",
        (
            "Procedure.finish: without await self._record_attention(actor=self._cut_short_by, what='attention_settled',"
            " detail={}…"
        ),
    ): _ENDED,
}
