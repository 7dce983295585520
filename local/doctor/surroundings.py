"""The doctor's look at everything else: settings, keys, the machine, mail, and what the API itself says."""

import platform
import shutil
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiosmtplib
from httpx2 import AsyncClient

from local import kept_settings
from local.doctor.examination import AilingError, Check
from models.encryption import Cipher
from settings import Settings, SmtpSecurity

_OLDEST_PYTHON = (3, 11)
_SHORTEST_KEY = 20  # characters
_LEAST_SPACE = 1 << 30  # bytes
_LOOPBACK = ("127.", "localhost", "::1")


@dataclass(frozen=True)
class Surroundings:
    """`folder`: the data folder of a stack on this machine, when it is one that is examined."""

    settings: Settings
    folder: Path | None = None

    def here(self) -> list[list[Check]]:
        """What can be said without any server."""
        checks = [
            Check("Python", self._python, "Install Python 3.11 or newer on Linux or macOS."),
            Check("settings", self._settings, "See docs/operations/deploying.md for every setting."),
            Check("payload keys", self._payload_keys, "See docs/operations/keys.md."),
            Check("session keys", self._session_keys, "See docs/operations/keys.md."),
        ]
        if self.folder:
            checks += [
                Check("disk", self._disk, f"Make room where {self.folder} is."),
                Check("data folder", self._permissions, f"chmod -R go= {self.folder}"),
            ]
        return [[check] for check in checks]

    def servers(self) -> list[list[Check]]:
        """Each by itself: none needs another."""
        settings, smtp = self.settings, self.settings.smtp
        checks = [
            Check("mail", self._mail, f"Is the mail server at {smtp.host}:{smtp.port}? TETSUZUKI_SMTP__HOST names it."),
            Check("API", self._api, f"Is the API at {settings.base_url}? TETSUZUKI_BASE_URL names it."),
        ]
        if settings.temporal_ui_url:
            remedy = f"Is it at {settings.temporal_ui_url}? TETSUZUKI_TEMPORAL_UI_URL names it."
            checks.append(Check("Web UI", self._web_ui, remedy))
        return [[check] for check in checks]

    async def _python(self) -> str:
        version, system = platform.python_version(), platform.system()
        if sys.version_info < _OLDEST_PYTHON:
            raise AilingError(f"Python {version} is too old", remedy="Install Python 3.11 or newer.")
        if system not in {"Linux", "Darwin"}:
            raise AilingError(f"{system} is not tried", remedy="Use Linux or macOS.", mild=True)
        return f"{version} on {system} {platform.machine()}"

    async def _settings(self) -> str:
        """Not whether they are of the right type, which was decided when they were read, but whether they are wise."""
        settings, smtp = self.settings, self.settings.smtp
        weak = [
            name
            for name, key in (("operator_key", settings.operator_key), ("link_key", settings.link_key))
            if len(key.get_secret_value()) < _SHORTEST_KEY
        ]
        if weak:
            raise AilingError(
                f"{' and '.join(weak)}: shorter than {_SHORTEST_KEY} characters",
                remedy="Draw one: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'",
                mild=True,
            )
        if settings.base_url.startswith("http:") and not _is_here(urlsplit(settings.base_url).hostname):
            raise AilingError(
                "links in mails lead to plain http", remedy="Set TETSUZUKI_BASE_URL to an https address.", mild=True
            )
        if smtp.security is SmtpSecurity.NONE and not _is_here(smtp.host):
            raise AilingError(
                "mails go to another machine unencrypted",
                remedy="Set TETSUZUKI_SMTP__SECURITY to starttls or tls.",
                mild=True,
            )
        return "read, and nothing unwise in them"

    async def _payload_keys(self) -> str:
        return _ring("TETSUZUKI_PAYLOAD_KEYS", self.settings.payload_cipher)

    async def _session_keys(self) -> str:
        return _ring("TETSUZUKI_SESSION_KEYS", self.settings.session_cipher)

    async def _mail(self) -> str:
        smtp = self.settings.smtp
        client = aiosmtplib.SMTP(
            hostname=smtp.host,
            port=smtp.port,
            use_tls=smtp.security is SmtpSecurity.TLS,
            start_tls=smtp.security is SmtpSecurity.STARTTLS,
            username=smtp.username,
            password=smtp.password.get_secret_value() if smtp.password else None,
            timeout=5,
        )
        async with client:
            return f"{smtp.host}:{smtp.port} takes the connection ({smtp.security})"

    async def _api(self) -> str:
        async with AsyncClient(timeout=5) as client:
            answer = await client.get(f"{self.settings.base_url.rstrip('/')}/readyz")
        parts = answer.json()["parts"] if answer.headers.get("content-type") == "application/json" else {}
        ailing = {name: says for name, says in parts.items() if says != "ok"}
        if ailing or not parts:
            says = "; ".join(f"{name}: {words}" for name, words in ailing.items()) or f"answers {answer.status_code}"
            raise AilingError(says, remedy="What it cannot reach is named; the other lines here say more.")
        return f"ready at {self.settings.base_url}"

    async def _web_ui(self) -> str:
        url = str(self.settings.temporal_ui_url)
        async with AsyncClient(timeout=5) as client:
            (await client.get(url)).raise_for_status()
        web_ui, api = (urlsplit(address).hostname for address in (url, self.settings.base_url))
        if web_ui != api and _domain(web_ui) != _domain(api):
            raise AilingError(
                f"{web_ui} and {api} are not below one domain, so the browser will not send the sign-in along",
                remedy="Give both names below one domain, or payloads stay unreadable in the Web UI.",
                mild=True,
            )
        return url

    async def _disk(self) -> str:
        free = shutil.disk_usage(self.folder or ".").free
        if free < _LEAST_SPACE:
            raise AilingError(f"only {free >> 20} MiB are free", remedy=f"Make room where {self.folder} is.")
        return f"{free >> 30} GiB are free"

    async def _permissions(self) -> str:
        folder = self.folder or Path()
        exposed = [
            path.name
            for path in (folder, folder / "secrets.json", folder / kept_settings.FILE)
            if path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        ]
        if exposed:
            raise AilingError(f"others can read {', '.join(exposed)}", remedy=f"chmod -R go= {folder}")
        return f"{folder} is its owner's alone"


def _is_here(host: str | None) -> bool:
    return host is not None and host.startswith(_LOOPBACK)


def _domain(host: str | None) -> str:
    return ".".join((host or "").split(".")[-2:])


def _ring(name: str, make: Callable[[], Cipher]) -> str:
    """Raises: AilingError: the keys cannot be used."""
    try:
        cipher = make()
    except ValueError as error:
        raise AilingError(f"{name}: {error}", remedy="See docs/operations/keys.md.") from None
    if cipher.decrypt(cipher.encrypt(b"fresh")) != b"fresh":
        raise AilingError("what is encrypted does not come back", remedy="See docs/operations/keys.md.")
    return f"{len(cipher.key_ids)} in the ring; {cipher.current} encrypts, and what it encrypts can be read"
