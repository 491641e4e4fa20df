"""What the tests know of a page: its elements, read as a browser would, and the rules that every page keeps."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import httpx


class Page(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.answer = answer
        self.elements: list[tuple[str, dict[str, str]]] = []
        self._texts: list[str] = []
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self._texts.append(data)

    @property
    def text(self) -> str:
        """All text, white space folded."""
        return " ".join("".join(self._texts).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every element of a kind."""
        return [attrs for name, attrs in self.elements if name == tag]

    def times(self) -> list[str]:
        """The instants that are shown, as the markup has them."""
        return [attrs["datetime"] for attrs in self.all("time")]

    def faults(self) -> Iterator[str]:
        """Yield what breaks the rules of all pages."""
        ids = [attrs["id"] for _, attrs in self.elements if "id" in attrs]
        if len(self.all("h1")) != 1:
            yield f"{len(self.all('h1'))} h1"
        if len(ids) != len(set(ids)):
            yield "an id twice"
        for tag, attrs in self.elements:
            for name, value in attrs.items():
                if name == "style" or name.startswith("on") or tag == "style":
                    yield f"{name} on {tag}"
                outside = tag == "a" and attrs.get("rel") == "noreferrer" and re.match(r"(?:https?|webcal)://", value)
                if name in ("href", "src", "action") and not outside and not re.match(r"[/#](?!/)", value):
                    yield f"{tag} leads to {value}"
                if name == "href" and value.startswith("#") and value[1:] not in ids:
                    yield f"{value} leads nowhere"
        for script in re.findall(r"<script.*?</script>", self.answer.text, re.DOTALL):
            if not re.fullmatch(r'<script type="module" src="/assets/\w+/earshot\.js"></script>', script):
                yield f"script {script}"
        policy = self.answer.headers["content-security-policy"]
        if "default-src 'none'" not in policy or "unsafe" in policy:
            yield f"policy {policy}"
        if self.answer.headers["cache-control"] != "no-store":
            yield "may be stored"
        if len(self.answer.content) > 300_000:
            yield f"{len(self.answer.content)} bytes"


def page(client: httpx.Client, path: str, *, status: int = 200) -> Page:
    """Read a page and check the rules, and that everything it links to is there."""
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    read = Page(answer)
    assert list(read.faults()) == []
    found = {attrs["href"].partition("#")[0] for _, attrs in read.elements if attrs.get("href", "#")[0] == "/"}
    for address in found - {path}:  # a page that could not be shown leads to itself
        assert client.get(address).status_code in (200, 303), address
    return read
