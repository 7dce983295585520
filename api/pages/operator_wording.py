"""The words of the operators' page: by name, (Japanese, English)."""

OPERATOR_WORDS: dict[str, tuple[str, str]] = {
    "codec_title": ("Temporal Web UI での内容の表示", "Reading procedures in the Temporal Web UI"),
    "codec_why": (
        "Temporal の内容は暗号化されています。サービス提供元のキーで、このブラウザの Web UI 上で8時間読めます。",
        "Temporal keeps what passes through it encrypted. The operator key lets this browser read it for eight hours.",
    ),
    "codec_key": ("サービス提供元のキー", "Operator key"),
    "codec_sign_in": ("サインイン", "Sign in"),
    "codec_wrong": ("サービス提供元のキーが正しくありません。", "That is not the operator key."),
    "codec_done": (
        "サインインしています。このブラウザでは8時間、内容が復号されます。",
        "You are signed in. For eight hours this browser may have payloads decoded.",
    ),
    "codec_sign_out": ("サインアウト", "Sign out"),
    "codec_once": ("ブラウザごとに一度だけ必要な設定", "Once per browser"),
    "codec_step_open": (
        "Web UI の上部にある眼鏡のボタン(コーデック)を押します。",
        "In the Web UI press the codec button, the glasses at the top.",
    ),
    "codec_step_choose": (
        "「Use my browser setting and ignore Cluster-level setting」を選びます。",
        "Choose “Use my browser setting and ignore Cluster-level setting”.",
    ),
    "codec_step_endpoint": ("エンドポイントに次を入力します:", "As endpoint enter:"),
    "codec_step_credentials": (
        "「Include cross-origin credentials」をオンにして「Apply」を押します。",
        "Switch on “Include cross-origin credentials” and press “Apply”.",
    ),
    "codec_searches": ("よく使う検索", "Where to look"),
    "search_needs_operator": ("サービス提供元の対応を待っている手続き", "Procedures that need an operator"),
    "search_due_within_a_day": ("24時間以内に自動で進む手続き", "Something happens by itself within a day"),
    "search_failing_code": ("プログラムの誤りで進めない手続き", "Procedures whose code fails"),
    "search_of_a_tenant": ("テナントごと(番号を書き換えてください)", "Of one tenant (put in its id)"),
    "codec_footer": ("サービス提供元専用のページです。", "This page is for operators."),
}
