"""The words of the pages about accounts and addresses: by name, (Japanese, English)."""

ACCOUNT_WORDS: dict[str, tuple[str, str]] = {
    "step_enter": ("入力", "Enter"),
    "step_check": ("確認", "Check"),
    "step_done": ("完了", "Done"),
    "signup_staff_title": ("担当者の登録", "Register as staff"),
    "signup_staff_lead": (
        "{tenant}の担当者として登録します。期限までにお済ませください。",
        "Register here as staff of {tenant}, before the deadline.",
    ),
    "signup_portal_user_title": ("ログインユーザの登録", "Register as a portal user"),
    "signup_portal_user_lead": (
        "{tenant}が提供するサービスのログインユーザとして登録します。これから使うパスワードを設定してください。",
        "Register here as a portal user of the services of {tenant}. Please choose your password.",
    ),
    "signup_staff_join": (
        "{tenant}の担当者に加わります。パスワードはすでにお持ちのため、これまでのものでそのままサインインできます。",
        "Join the staff of {tenant}. You have a password already, and go on signing in with it.",
    ),
    "signup_portal_user_join": (
        "{tenant}のサービスのログインユーザに加わります。これまでのパスワードで、そのままサインインできます。",
        "Join the portal users of {tenant}. You have a password already, and go on signing in with it.",
    ),
    "password": ("パスワード", "Password"),
    "password_confirmation": ("パスワード（確認用）", "Password again"),
    "password_hint": (
        "12文字以上。英字・数字と、次の記号が使えます： {signs}",
        "At least 12 characters: letters, digits and these signs: {signs}",
    ),
    "password_kept_hint": (
        "入力済みです。変更する場合のみ、2つの欄に入力してください。",
        "Already entered. Type in both fields only to change it.",
    ),
    "password_entered": ("●●●●●●●●（入力済み）", "●●●●●●●● (entered)"),
    "user_name": ("ユーザ名", "User name"),
    "user_name_hint": (
        "全角で、姓と名の間に全角スペースを入れてください。例：山田　太郎",
        "Family name, a space, given name; kept in full-width characters. For example 山田　太郎",
    ),
    "remark": ("備考", "Remark"),
    "user_id": ("ユーザID", "User ID"),
    "signup_check_button": ("確認へ進む", "Continue"),
    "signup_check_title": ("登録内容の確認", "Check what you entered"),
    "signup_check_text": (
        "登録はまだ完了していません。内容をご確認のうえ、「登録する」を押してください。",
        "You are not registered yet. Please check the entries and press “Register”.",
    ),
    "signup_button": ("登録する", "Register"),
    "signup_join_button": ("参加する", "Join"),
    "back_button": ("戻って修正する", "Back"),
    "signup_done_title": ("登録が完了しています", "You are registered"),
    "signup_done_text": (
        "{tenant}への登録は完了しています。メールアドレスとパスワードでサインインできます。",
        "Your registration with {tenant} is complete. You can sign in with your mail address and password.",
    ),
    "signup_expired_text": (
        "登録の期限が過ぎました。{tenant}に、登録のご案内の再送をご依頼ください。",
        "The time to register is over. Please ask {tenant} to send the invitation again.",
    ),
    "notification_address": ("通知先", "Notification address"),
    "address_title": ("通知先メールアドレスの確認", "Confirm the notification address"),
    "address_lead": (
        "{tenant}への通知を、このメールアドレスで受け取れるようにします。内容をご確認のうえ、ボタンを押してください。",
        "From now on the notifications of {tenant} would come to this address. Please check it and press the button.",
    ),
    "address_note": (
        "お心当たりのない場合は、何もせずにこのページを閉じてください。このアドレスに通知は届きません。",
        "If you did not expect this, just close the page. No notifications will come to this address.",
    ),
    "address_button": ("通知先として確認する", "Confirm the address"),
    "address_done_title": ("通知先を確認しました", "The address is confirmed"),
    "address_done_text": (
        "これからは、{tenant}への通知がこのメールアドレスに届きます。",
        "From now on the notifications of {tenant} come to this address.",
    ),
    "address_expired_text": (
        "確認の期限が過ぎました。{tenant}の担当者が、通知先をもう一度設定すると、新しいリンクが届きます。",
        "The time to confirm is over. A new link comes when staff of {tenant} set the address again.",
    ),
    "reset_title": ("パスワードの再設定", "Choose a new password"),
    "reset_lead": (
        "新しいパスワードを設定します。完了すると、ほかの端末で続いているサインインはすべて終了します。",
        "Choose a new password here. When it is set, you are signed out on all your other devices.",
    ),
    "reset_button": ("パスワードを設定する", "Set the password"),
    "reset_done_title": ("パスワードを再設定しました", "Your new password is set"),
    "reset_done_text": (
        "新しいパスワードでサインインできます。このリンクは、もう使用できません。",
        "You can sign in with it now. This link has been used and works no more.",
    ),
    "reset_expired_text": (
        "再設定の期限が過ぎました。パスワードは変わっていません。もう一度、再設定をお申し込みください。",
        "The time to reset the password is over, and nothing has changed. Please ask for a reset once more.",
    ),
}
