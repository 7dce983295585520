"""Reading our pages as a client without a browser does: headings, forms, and what a form would send again."""

from bs4 import BeautifulSoup, Tag
from httpx2 import Response


def soup(page: Response) -> BeautifulSoup:
    assert page.headers["content-type"].startswith("text/html"), page.text
    return BeautifulSoup(page.text, "html.parser")


def heading(page: Response) -> str:
    found = soup(page).h1
    assert found is not None
    return found.get_text(strip=True)


def text(page: Response) -> str:
    return soup(page).get_text(" ", strip=True)


def hidden(page: Response, form: int = 0) -> dict[str, str]:
    """What the form's hidden fields carry."""
    inputs = soup(page).find_all("form")[form].find_all("input", type="hidden")
    return {str(entry["name"]): str(entry["value"]) for entry in inputs}


def entries(page: Response) -> dict[str, str]:
    """Every field that a person sees, with what stands in it."""
    found: dict[str, str] = {}
    for entry in soup(page).select("form :is(input, select, textarea)[name]"):
        if entry.get("type") in ("hidden", "checkbox"):
            continue
        found[str(entry["name"])] = _value(entry)
    return found


def errors(page: Response) -> dict[str, str]:
    """What the page says is wrong, by the name of the field that it stands beside."""
    said = {}
    for field in soup(page).select("[aria-invalid=true]"):
        described = [soup(page).find(id=part) for part in str(field["aria-describedby"]).split()]
        messages = [part for part in described if isinstance(part, Tag) and "error" in (part.get("class") or [])]
        said[str(field["name"])] = messages[0].get_text(strip=True)
    return said


def _value(entry: Tag) -> str:
    if entry.name == "textarea":
        return entry.get_text().removeprefix("\n")
    chosen = entry.find("option", selected=True) if entry.name == "select" else entry
    return str(chosen.get("value", "")) if isinstance(chosen, Tag) else ""
