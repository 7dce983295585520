"""Which language a caller reads: `?lang=`, then `Accept-Language` (RFC 9110), then the one given as default."""

from starlette.requests import HTTPConnection

from models.vocabulary import Language

_LANGUAGES = frozenset(language.value for language in Language)


def language_of(connection: HTTPConnection, default: Language = Language.JA) -> Language:
    asked = connection.query_params.get("lang", "")
    if asked in _LANGUAGES:
        return Language(asked)
    return accepted_language(connection.headers.get("accept-language", ""), default)


def accepted_language(header: str, default: Language) -> Language:
    """The language of ours with the highest quality; the first named of equals; `default` when none is named."""
    best, best_quality = default, 0.0
    for entry in header.split(","):
        tag, _, parameter = entry.strip().partition(";")
        name = tag.strip().lower().partition("-")[0]
        quality = _quality(parameter)
        if quality > best_quality and (name in _LANGUAGES or name == "*"):
            best, best_quality = (default if name == "*" else Language(name)), quality
    return best


def _quality(parameter: str) -> float:
    if not parameter.strip():
        return 1.0
    name, _, value = parameter.partition("=")
    try:
        return min(float(value), 1.0) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
