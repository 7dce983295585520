"""What happened and what comes next in a procedure, in words. The codes are stable; these sentences are for people."""

from typing import Any

from models.vocabulary import Language

# By code: in Japanese, in English.
_SENTENCES: dict[str, tuple[str, str]] = {
    "application_submitted": ("申請を受け付けました", "The application was taken, and its confirmation mailed"),
    "application_confirmed": ("申込者が申請を確認しました", "The applicant confirmed the application"),
    "application_memos_changed": ("メモを変更しました", "The memos were changed"),
    "application_put_on_hold": ("申請を保留にしました", "The application was put on hold"),
    "application_approved": ("申請を承認しました", "The application was approved"),
    "application_denied": ("申請を否認しました", "The application was denied"),
    "application_lapsed": ("確認がないまま期限が過ぎました", "The application lapsed without a confirmation"),
    "application_withdrawn": ("申込者が申請を取り下げました", "The applicant withdrew the application"),
    "application_ended": ("サービス提供元が申請を終了しました", "The operator ended the application"),
    "application_reminder": ("判断がまだのため、担当者にお知らせしました", "Staff were reminded to decide"),
    "addition_submitted": ("UTM追加申請を受け付けました", "The UTM addition application was taken"),
    "addition_approved": ("UTM追加申請を承認しました", "The UTM addition was approved"),
    "addition_denied": ("UTM追加申請を否認しました", "The UTM addition was denied"),
    "addition_ended": ("UTM追加申請を終了しました", "The UTM addition came to its end undecided"),
    "addition_reminder": ("判断がまだのため、担当者にお知らせしました", "Staff were reminded to decide"),
    "restart_requested": ("再起動を依頼しました", "A restart at once was requested"),
    "restart_scheduled": ("再起動を予約しました", "A restart was scheduled"),
    "restart_cancelled": ("再起動の予約を取り消しました", "The scheduled restart was cancelled"),
    "restart_slot_reached": ("再起動の時刻になりました", "The slot came, and the UTM can take its command"),
    "restart_missed": ("再起動の時刻に間に合いませんでした", "The slot was missed, and the restart not begun"),
    "restart_in_progress": ("UTMが再起動を始めました", "The UTM began to restart"),
    "restart_succeeded": ("再起動が完了しました", "The UTM is back"),
    "restart_failed": ("再起動できませんでした", "The restart failed"),
    "restart_failed_offline": (
        "再起動できませんでした。UTMと通信できません", "The restart failed: the UTM could not be reached"
    ),
    "restart_failed_not_confirmed": (
        "再起動できませんでした。UTMから応答がありません", "The restart failed: the UTM did not answer"
    ),
    "restart_failed_no_result": (
        "再起動の完了をUTMから確認できませんでした", "The restart failed: the UTM never reported that it was back"
    ),
    "restart_failed_device": (
        "再起動できないとUTMから連絡がありました", "The restart failed: the UTM reported that it could not"
    ),
    "restarts_ended": ("サービス提供元が再起動を終了しました", "The operator ended the restart"),
    "fleet_restart_asked": ("一括再起動を受け付けました", "The restart of the fleet was planned"),
    "fleet_restart_spread": ("UTMに再起動を予約しました", "The next UTMs got their schedules"),
    "fleet_restart_cancelled": ("一括再起動を取り消しました", "The restart of the fleet was cancelled"),
    "fleet_restart_finished": ("一括再起動が終わりました", "Every restart of the fleet is over"),
    "look_at_restarts": ("再起動の状況を確認します", "It looks which restarts are over"),
    "restart": ("UTMを再起動します", "The UTM is restarted"),
    "give_up_restart": ("応答がなければ失敗とします", "Without an answer the restart has failed"),
    "signup_opened": ("仮登録の案内を用意しました", "The signup link was issued and mailed"),
    "signup_reminder": ("サインアップの期限が近いことをお知らせしました", "The person was reminded of the signup"),
    "signup_registered": ("本登録が完了しました", "The person registered"),
    "signup_expired": ("サインアップ期間が終了しました", "The signup expired"),
    "signup_deleted": ("ユーザを削除し、リンクを無効にしました", "The user was deleted, and the link is dead"),
    "signup_ended": ("サービス提供元がサインアップを終了しました", "The operator ended the signup"),
    "notification_addresses_changed": ("通知先メールアドレスを変更しました", "The notification addresses were changed"),
    "notification_address_pending": ("通知先の確認メールを用意しました", "The new address was mailed a link"),
    "notification_address_verified": ("通知先が確認されました", "The notification address was confirmed"),
    "notification_address_expired": ("確認されないまま期限が過ぎました", "The address was not confirmed in time"),
    "notification_address_withdrawn": ("通知先の確認を取り消しました", "The address is no longer waited for"),
    "invitation_sent": ("個別の招待メールを用意しました", "The personal invitation was mailed"),
    "invitation_opened": ("招待のリンクが開かれました", "The personal invitation was opened"),
    "invitation_applied": ("招待から申請がありました", "The personal invitation was answered by an application"),
    "invitation_expired": ("招待の有効期限が切れました", "The personal invitation expired"),
    "invitation_withdrawn": ("招待を取り消しました", "The personal invitation was withdrawn"),
    "account_locked": ("アカウントをロックしました", "The account was locked"),
    "password_reset_requested": ("パスワード再設定を受け付けました", "A password reset was asked for"),
    "password_reset_completed": ("パスワードが再設定されました", "The password was reset"),
    "password_reset_expired": ("パスワード再設定の期限が過ぎました", "The password reset expired"),
    "password_reset_ended": ("パスワード再設定を終了しました", "The password reset was ended"),
    "shipment_requested": ("UTMの発送を手配しました", "The UTM's shipment was requested"),
    "shipment_stop_asked": ("発送の中止を求めました", "The shipment was asked to stop"),
    "shipment_redirected": ("お届け先を変更しました", "The destination was changed"),
    "shipment_reported_requested": ("運送会社が受け付けました", "The carrier took the order"),
    "shipment_reported_scheduled": ("着荷予定日の連絡がありました", "The carrier reported the planned arrival"),
    "shipment_reported_shipped": ("運送会社から発送の連絡がありました", "The carrier reported the shipment"),
    "shipment_reported_undeliverable": ("お届けできないと連絡がありました", "The carrier could not deliver"),
    "shipment_reported_returned": ("荷物が戻されました", "The carrier returned the parcel"),
    "shipment_reported_delivered": ("お届けが完了しました", "The carrier reported the delivery"),
    "shipment_overdue": ("予定日を過ぎても届いていません", "The shipment is overdue; the operator is told"),
    "shipment_stopped": ("発送を中止しました", "The shipment was stopped"),
    "shipment_ended": ("サービス提供元が発送を終了しました", "The operator ended the shipment"),
    "return_kits_planned": ("回収キットの送付を予定しました", "The return kits were planned"),
    "return_kits_undone": ("回収を取り消しました", "The return kits were stopped or recalled"),
    "return_kit_requested": ("回収キットの送付を手配しました", "The return kit was requested"),
    "return_kit_reported_requested": ("運送会社が受け付けました", "The carrier took the order"),
    "return_kit_reported_scheduled": ("着荷予定日の連絡がありました", "The carrier reported the kit's planned arrival"),
    "return_kit_reported_shipped": ("回収キットが発送されました", "The carrier reported the kit's shipment"),
    "return_kit_reported_undeliverable": ("回収キットを届けられませんでした", "The carrier could not deliver the kit"),
    "return_kit_reported_delivered": ("回収キットが届きました", "The kit was delivered"),
    "return_kit_reported_returned": ("運送会社から返送の連絡がありました", "The carrier reported the return"),
    "return_kit_received": ("UTMが返却されました", "The device is back"),
    "return_kit_resent": ("回収キットを再送しました", "The return kit was sent again"),
    "return_kit_waived": ("未返却の料金を免除しました", "The non-return charge was waived"),
    "return_kit_reminder": ("返送のお願いを送りました", "The customer was reminded to return the device"),
    "return_kit_unreturned": ("UTMが返却されていません", "The device was not returned"),
    "return_kit_closed": ("回収が完了しました", "The return was completed"),
    "return_kit_undone": ("解約の取り消しにより回収を取りやめました", "The return was undone with the cancellation"),
    "return_kit_ended": ("サービス提供元が回収を終了しました", "The operator ended the return"),
    "contract_applied": ("契約の申込みを受け付けました", "The contract was applied for"),
    "contract_changed": ("契約内容を変更しました", "The contract was changed"),
    "contract_started": ("契約が始まりました", "The contract came into force"),
    "contract_renewed": ("契約を更新しました", "The contract was renewed"),
    "renewal_notice_sent": ("契約更新をお知らせしました", "The renewal was announced"),
    "contract_expired": ("契約期間が満了しました", "The contract expired"),
    "contract_cancelled": ("解約を受け付けました", "The contract was cancelled"),
    "cancellation_moved": ("解約日を変更しました", "The cancellation date was moved"),
    "cancellation_undone": ("解約を取り消しました", "The cancellation was undone"),
    "contract_ended": ("契約が終了しました", "The contract ended"),
    "undo_window_closed": ("解約取消の期限が過ぎました", "The cancellation can no longer be undone"),
    "portal_days_over": ("契約終了後のポータル利用期間が過ぎました", "The portal's days after the end were over"),
    "contract_closed": ("サービス提供元が契約を終了させました", "The operator closed the contract"),
    "contract_shortage_told": ("契約数の不足をお知らせしました", "Customers short of contracts were told of"),
    "approver_approved": ("承認者が承認しました", "An approver approved"),
    "approver_denied": ("承認者が否認しました", "An approver denied"),
    "approval_delegated": ("承認者が別の方に判断を任せました", "An approver named a colleague to decide"),
    "approvers_reminded": ("承認者にお知らせしました", "The approvers were reminded"),
    "approval_escalated": ("さらに別の方に承認をお願いしました", "Further approvers were asked"),
    "approval_expired": ("判断のないまま期限が過ぎました", "The request for approval expired"),
    "approval_withdrawn": ("承認のお願いを取り下げました", "The request for approval was withdrawn"),
    "remind_approvers": ("承認者にお知らせします", "The approvers are reminded"),
    "escalate_approval": ("さらに別の方に承認をお願いします", "Further approvers are asked"),
    "approval_expires": ("判断がなければ期限切れになります", "The request for approval expires unless it is decided"),
    "mail_sent": ("メールを送信しました", "A mail was sent"),
    "mail_failed": ("メールを送信できませんでした", "A mail could not be sent"),
    "mail_skipped": ("メールの送信をとりやめました", "A mail was left unsent"),
    "attention_raised": ("サービス提供元の対応が必要になりました", "The procedure began to wait for an operator"),
    "attention_settled": ("サービス提供元の対応は不要になりました", "The procedure no longer waits for an operator"),
    "operator_retry": ("サービス提供元が再試行しました", "The operator had it tried again"),
    "operator_skip": ("サービス提供元がこの処理をとばしました", "The operator had the step skipped"),
    "operator_end": ("サービス提供元が手続きを終了させました", "The operator ended the procedure"),
    "ended_by_operator": ("手続きを終了しました", "The procedure came to its end by the operator's word"),
    # What comes next.
    "lapse": ("確認がなければ失効します", "It lapses unless it is confirmed"),
    "remind_staff": ("担当者にお知らせします", "Staff are reminded"),
    "remind_person": ("期限が近いことをお知らせします", "The person is reminded"),
    "shipment_overdue_due": ("未着ならサービス提供元に知らせます", "The operator is told unless it has arrived"),
    "request_return_kit": ("回収キットの送付を手配します", "The return kit is requested"),
    "remind_return": ("返送のお願いを送ります", "The customer is reminded to return the device"),
    "charge_non_return": ("返却がなければ料金を計上します", "The device counts as kept, and is charged unless waived"),
    "contract_starts": ("契約が始まります", "The contract comes into force"),
    "contract_renews": ("契約を更新します", "The contract renews"),
    "renewal_notice": ("契約更新をお知らせします", "The renewal is announced"),
    "contract_expires": ("契約期間が満了します", "The contract expires"),
    "contract_ends": ("契約が終了します", "The contract ends"),
    "undo_window_closes": ("解約を取り消せなくなります", "The cancellation can no longer be undone from here on"),
    "portal_closes": ("ポータルを利用できなくなります", "The customer's people lose the portal"),
    "expire": ("リンクの有効期限が切れます", "The link expires"),
}  # fmt: skip


def has_sentence(code: str) -> bool:
    """Also for the beginning of a code that ends with a state (`application_`)."""
    return code in _SENTENCES or (code.endswith("_") and any(known.startswith(code) for known in _SENTENCES))


def event_sentence(what: str, detail: dict[str, Any], language: Language) -> str:
    """With the reason in words where the event has one."""
    with_reason = f"{what}_{detail.get('reason')}"
    return sentence(with_reason if with_reason in _SENTENCES else what, language)


def sentence(code: str, language: Language) -> str:
    """The code's own words where nobody has written any: an unreadable timeline would be worse."""
    japanese, english = _SENTENCES.get(code, (code, code.replace("_", " ").capitalize()))
    return japanese if language is Language.JA else english
