"""Reads the XML that WebDAV servers answer with (RFC 4918 section 13), from servers that nobody knows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self
from xml.parsers import expat  # no declarations are read: they are what attacks by XML are made of

_MOST_ELEMENTS = 200_000
_DEEPEST = 16
_BUFFER = 1 << 20  # a calendar in small pieces would be copied once for each
DAV, CALDAV = "DAV: ", "urn:ietf:params:xml:ns:caldav "


class NoMultistatus(Exception):
    """These bytes are no such XML, or more of it than anybody needs."""


@dataclass(slots=True)
class Element:
    """An element; names are a namespace, a space and a word."""

    name: str
    children: list["Element"] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""
    """Its own, without that of its children."""

    def all(self, *path: str) -> Iterator["Element"]:
        """Return the elements at a path of names below this one."""
        first, *rest = path
        for child in self.children:
            if child.name == first:
                yield from child.all(*rest) if rest else (child,)

    def texts(self, *path: str) -> Iterator[str]:
        """Return what stands in the elements at a path."""
        return (one.text.strip() for one in self.all(*path))

    def has(self, *path: str) -> bool:
        """Whether there is an element at a path."""
        return next(self.all(*path), None) is not None


@dataclass(frozen=True, slots=True)
class Answered:
    """What a server says of one resource: its properties with status 2xx, and its status when that is of all of it."""

    href: str
    status: int | None
    props: tuple[Element, ...]

    @classmethod
    def of(cls, response: Element) -> Self:
        """Read one `response`."""
        props = [
            prop
            for propstat in response.all(DAV + "propstat")
            if _status(next(propstat.texts(DAV + "status"), "")) // 100 == 2
            for prop in propstat.all(DAV + "prop")
        ]
        told = next(response.texts(DAV + "status"), None)
        href = next(response.texts(DAV + "href"), "")
        return cls(href, None if told is None else _status(told), tuple(props))

    def has(self, *path: str) -> bool:
        """Whether one of its properties has an element at this path."""
        return any(prop.has(*path) for prop in self.props)

    def texts(self, *path: str) -> list[str]:
        """Return what stands at this path of its properties."""
        return [text for prop in self.props for text in prop.texts(*path)]


def read(body: bytes) -> list[Answered]:
    """Return what a multistatus says, one resource after the other. Raises NoMultistatus.

    A document type is refused, and with it all entities but the five of XML; so are 200,000 elements, and depth 16.
    """
    root = Element("")
    open_ones = [root]
    count = 0
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text, parser.buffer_size = True, _BUFFER

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > _MOST_ELEMENTS or len(open_ones) > _DEEPEST:
            raise NoMultistatus
        element = Element(name, attributes=attributes)
        open_ones[-1].children.append(element)
        open_ones.append(element)

    def end(_name: str) -> None:
        open_ones.pop()

    def text(said: str) -> None:
        open_ones[-1].text += said

    def doctype(*_: object) -> None:
        raise NoMultistatus

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = text, doctype
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # an encoding that Python does not know, or cannot use
        raise NoMultistatus from error
    if not root.has(DAV + "multistatus"):
        raise NoMultistatus
    return [Answered.of(response) for response in root.all(DAV + "multistatus", DAV + "response")]


def _status(line: str) -> int:
    """Return the code of a status line such as `HTTP/1.1 200 OK`; 0 for anything else."""
    words = line.split()
    return int(words[1]) if len(words) > 1 and words[1].isascii() and words[1].isdigit() else 0
