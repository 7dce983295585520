"""Mistakes that somebody could make in this code, each with the check that must find it.

A change is anchored in the code's own text: when the code has moved on, the mistake has to be thought of anew.
"""

from dataclasses import dataclass

_FORGETFUL = "tests.faults.forgetful"


@dataclass(frozen=True)
class Change:
    """`old` stands in the file exactly once."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Bug:
    """`complains`: what the failing check says of it, as a regular expression. `plugin`: of pytest, for the check."""

    name: str
    what: str
    changes: tuple[Change, ...]
    found_by: str
    complains: str
    plugin: str = ""


BUGS = (
    Bug(
        name="b1",
        what="a command is carried out before it stands in the history",
        changes=(
            Change("workflows/procedure.py", "    if workflow.current_update_info() is None:\n", "    if True:\n"),
        ),
        found_by="tests/processes/test_commands_are_durable.py::"
        "test_a_command_stands_in_the_history_before_it_has_an_effect",
        complains="its record is neither|the acceptance was stored before",
    ),
    Bug(
        name="b2",
        what="mails are sent before the command is answered",
        changes=(
            Change(
                "workflows/service_application.py",
                "            recorded = await self._record_decision(command)\n        self.deliver_mails()\n",
                "            recorded = await self._record_decision(command)\n        await self._deliver()\n",
            ),
        ),
        found_by="tests/processes/test_mail_delivery.py::"
        "test_with_the_mail_server_down_for_a_day_everything_goes_on_and_every_mail_arrives_in_order",
        complains="Timeout",
    ),
    Bug(
        name="b3",
        what="a mail's delivery is not noted in the ledger",
        changes=(
            Change(
                "activities/mail.py",
                "            if not await _change(connection, row, lease_until=None, **_kept(printed), **became):\n",
                '            if became["state"] == MailState.SENT:\n',
            ),
        ),
        found_by="tests/processes/test_mail_delivery.py::test_many_mails_go_over_one_connection",
        complains="assert|Timeout",
    ),
    Bug(
        name="b4",
        what="a link is marked used in a transaction of its own",
        changes=(
            Change(
                "activities/approval.py",
                "            approval = await _pending(connection, message)\n"
                "            if not await links.use(connection, approval.tenant_id, command.link_id, message.at):\n"
                "                raise WrongState(state=approval.state)\n"
                '            decided = {"decision"',
                "            approval = await _pending(connection, message)\n"
                "            async with self._records.database.transaction(approval.tenant_id) as other:\n"
                "                used = await links.use(other, approval.tenant_id, command.link_id, message.at)\n"
                "            if not used:\n"
                "                raise WrongState(state=approval.state)\n"
                '            decided = {"decision"',
            ),
        ),
        found_by="tests/processes/test_approval.py::test_the_first_decision_wins_and_everybody_is_told",
        complains="assert",
        plugin=_FORGETFUL,
    ),
    Bug(
        name="b5",
        what="looking at a link's page uses the link up",
        changes=(
            Change(
                "api/pages/approval.py",
                "async def show(visit: Visit) -> Response:\n",
                "async def show(visit: Visit) -> Response:\n"
                "    async with visit.context.database.transaction(visit.link.tenant_id) as connection:\n"
                "        at = await visit.context.clock.now()\n"
                "        await links.use(connection, visit.link.tenant_id, visit.link.link_id, at)\n",
            ),
        ),
        found_by="tests/processes/test_approval.py::test_scanners_decide_nothing",
        complains="assert 410 == 422",
    ),
    Bug(
        name="b6",
        what="an order is taken back without the condition that the device does not have it",
        changes=(
            Change(
                "models/device_commands.py",
                "            DeviceCommand.state == DeviceCommandState.WAITING,\n",
                "",
            ),
        ),
        found_by="tests/processes/test_restart.py::test_a_device_that_was_faster_than_the_cancellation_wins",
        complains="assert .*409",
    ),
    Bug(
        name="b7",
        what="a decision is taken without being judged, as a Signal is",
        changes=(
            Change(
                "workflows/utm_addition.py",
                "            self._refuse_unless_open()\n            state = _OUTCOMES[command.decision]\n",
                "            state = _OUTCOMES[command.decision]\n"
                "            if not self._is_open():\n"
                "                return Answer(fingerprint=command.fingerprint, state=state)\n",
            ),
            Change(
                "workflows/utm_addition.py",
                "    def _refuse_decision(self, command: DecideAddition) -> None:\n"
                "        self._refuse_at_once_unless_open()\n",
                "    def _refuse_decision(self, command: DecideAddition) -> None:\n        pass\n",
            ),
        ),
        found_by="tests/processes/test_utm_addition.py::"
        "test_of_two_decisions_at_once_one_wins_and_later_ones_learn_the_state",
        complains="assert .*409",
    ),
    Bug(
        name="b8",
        what="each try of a mail has a Message-ID of its own",
        changes=(
            Change(
                "activities/letterpress.py",
                "            message_id=row.message_id,\n",
                '            message_id=f"<{row.mail_id}.{row.attempts}@tetsuzuki>",\n',
            ),
        ),
        found_by="tests/processes/test_mail_delivery.py::"
        "test_a_connection_lost_after_the_final_dot_is_followed_by_one_more_try_with_the_same_message_id",
        complains="assert .*@tetsuzuki",
    ),
    Bug(
        name="b9a",
        what="a mail that was refused for good is tried again",
        changes=(Change("activities/smtp.py", "500 <= error.code < 600", "600 <= error.code < 700"),),
        found_by="tests/processes/test_mail_delivery.py::"
        "test_a_refused_recipient_stops_nobody_else_and_is_retried_by_an_operator",
        complains="Timeout|assert",
    ),
    Bug(
        name="b9b",
        what="a mail that was put off is given up",
        changes=(Change("activities/smtp.py", "500 <= error.code < 600", "400 <= error.code < 600"),),
        found_by="tests/processes/test_mail_delivery.py::"
        "test_a_mail_put_off_is_tried_again_with_growing_pauses_until_it_is_taken",
        complains="assert|Timeout",
    ),
    Bug(
        name="b10",
        what="a restart that was slept through is carried out however late",
        changes=(
            Change(
                "workflows/restart.py",
                "if due.missed_at is not None and workflow.now() > due.missed_at:",
                "if due.missed_at is None:",
            ),
        ),
        found_by="tests/processes/test_restart.py::"
        "test_a_slot_that_passed_while_the_system_was_down_starts_late_or_is_missed",
        complains="Timeout|assert",
    ),
    Bug(
        name="b11a",
        what="row-level security does not bind the tables' owner",
        changes=(
            Change(
                "migrations/isolation.py",
                '    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")\n'
                '    op.execute(f"CREATE POLICY tenant ON',
                '    op.execute(f"CREATE POLICY tenant ON',
            ),
        ),
        found_by="tests/architecture/test_isolation_catalog.py::"
        "test_every_table_but_the_known_global_ones_is_a_tenants_and_forces_row_level_security",
        complains=r"assert \[.+ == \[\]",
    ),
    Bug(
        name="b11b",
        what="views show what their owner may see",
        changes=(
            Change(
                "migrations/isolation.py",
                '    op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM app")\n',
                '    op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM app")\n'
                '    op.execute(f"CREATE VIEW all_{table} AS SELECT what FROM {table}")\n',
            ),
        ),
        found_by="tests/architecture/test_isolation_catalog.py::"
        "test_no_view_or_function_goes_around_row_level_security",
        complains="all_catalogue_entries",
    ),
    Bug(
        name="b12",
        what="a connection in the pool stays the last tenant's",
        changes=(
            Change(
                "models/database.py",
                "set_config('app.tenant', :tenant, true)",
                "set_config('app.tenant', :tenant, false)",
            ),
        ),
        found_by="tests/architecture/test_isolation_catalog.py::test_a_connection_forgets_whose_it_was",
        complains="assert .*T8000000",
    ),
    Bug(
        name="b13",
        what="the audit log is written in a transaction of its own",
        changes=(
            Change(
                "activities/records.py",
                "                    answer = await work(connection)\n"
                '                    await audit.record(connection, fact, answer.model_dump(mode="json"))\n'
                "                    return answer\n",
                "                    answer = await work(connection)\n"
                "            if earlier is None:\n"
                "                async with self.database.transaction(fact.tenant_id) as connection:\n"
                '                    await audit.record(connection, fact, answer.model_dump(mode="json"))\n'
                "                return answer\n",
            ),
        ),
        found_by="tests/processes/test_service_application.py::"
        "test_hold_then_approve_makes_the_customer_and_starts_both_signups",
        complains="wrong_state|Timeout|assert",
        plugin=_FORGETFUL,
    ),
    Bug(
        name="b14",
        what="only the API knows when it is too late for an undo",
        changes=(
            Change(
                "workflows/contract.py",
                "            await self._catch_up()\n            self._refuse_unless_open(what, command)",
                "            if what is not ContractCommand.UNDO:\n"
                "                self._refuse_unless_open(what, command)",
            ),
            Change(
                "workflows/contract.py",
                "    def _refuse_undo(self, command: Command) -> None:\n"
                "        self._refuse_at_once(ContractCommand.UNDO, command)\n",
                "    def _refuse_undo(self, command: Command) -> None:\n        pass\n",
            ),
            Change("models/contract_cancellation.py", "    _refuse(ContractCommand.UNDO, contract, moment)\n", ""),
        ),
        found_by="tests/processes/test_contract_undo.py::test_an_undo_in_the_first_second_after_is_too_late",
        complains="assert",
    ),
    Bug(
        name="o1",
        what="a command whose sender was told that it was not taken is carried out later",
        changes=(Change("worker.py", "[ActivityOutcomes(), LateCommands()]", "[ActivityOutcomes()]"),),
        found_by="tests/processes/test_commands_are_durable.py::test_a_command_that_was_given_up_is_not_done_later",
        complains="DID NOT RAISE",
    ),
    Bug(
        name="o2",
        what="a step that comes again does not get its first answer",
        changes=(
            Change("models/audit.py", "return None if found is None else (found.answer or {})\n", "return None\n"),
        ),
        found_by="tests/processes/test_signup.py::test_a_resend_kills_the_older_link_and_gives_seven_fresh_days",
        complains="Error|Timeout|assert",
        plugin=_FORGETFUL,
    ),
    Bug(
        name="o2b",
        what="a step that meets what its own earlier try has done is refused",
        changes=(
            Change(
                "activities/records.py",
                "        except (Refusal, NothingHappenedError):\n",
                "        except KeyError:\n",
            ),
        ),
        found_by="tests/processes/test_two_tries_of_a_step.py::"
        "test_a_try_that_meets_what_another_try_has_done_has_its_answer",
        complains="WrongState",
    ),
    Bug(
        name="o3",
        what="a step that runs again queues its mails again",
        changes=(
            Change(
                "models/outbox.py",
                '    mail_id = ordered_id()\n    return {\n        "tenant_id": posting.tenant_id,\n'
                '        "mail_id": mail_id,\n        "procedure_id": posting.procedure_id,\n'
                '        "step": posting.step,\n',
                '    mail_id = ordered_id()\n    return {\n        "tenant_id": posting.tenant_id,\n'
                '        "mail_id": mail_id,\n        "procedure_id": posting.procedure_id,\n'
                '        "step": mail_id,\n',
            ),
        ),
        found_by="tests/processes/test_mail_delivery.py::test_a_step_posts_each_recipients_mail_once",
        complains="assert",
    ),
    Bug(
        name="o4",
        what="payloads go to the engine unencrypted",
        changes=(
            Change(
                "workflows/codec.py",
                "[payload if _is_told(payload) else self._encrypted(payload) for payload in payloads]",
                "list(payloads)",
            ),
        ),
        found_by="tests/api_conventions/test_encryption.py::test_a_payload_shows_nothing_but_the_id_of_its_key",
        complains="assert .*encoding",
    ),
    Bug(
        name="o5",
        what="a later mail overtakes the one before it",
        changes=(Change("activities/mail.py", "        .where(~overtakes)\n", ""),),
        found_by="tests/processes/test_mail_delivery.py::test_a_mail_waits_for_the_one_before_it_that_was_put_off",
        complains="assert",
    ),
    Bug(
        name="o6",
        what="an idempotency key is everybody's",
        changes=(
            Change(
                "api/idempotency.py",
                'scope = f"{caller}\\n{self._request.url.path}\\n{self._key}"',
                'scope = f"{self._request.url.path}\\n{self._key}"',
            ),
        ),
        found_by="tests/api_conventions/test_idempotency.py::test_a_key_is_its_callers_own",
        complains="assert",
    ),
    Bug(
        name="o7",
        what="who is no administrator any more still decides",
        changes=(
            Change(
                "api/administrators.py",
                "            Link.link_id.in_(_approvers_links(tenant_id, administrator_id)),\n",
                "            Link.link_id.in_(()),\n",
            ),
        ),
        found_by="tests/processes/test_approval.py::test_who_is_no_administrator_any_more_decides_nothing",
        complains="assert",
    ),
)
