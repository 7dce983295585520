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
    "signup_join_lead": (
        "このメールアドレスには、すでにパスワードがあります。新しく設定する必要はなく、これまでのパスワードでサインインできます。",
        "This address has a password already. You need no new one and go on signing in with it.",
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
    "user_id": ("ユーザーID", "User ID"),
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
}
