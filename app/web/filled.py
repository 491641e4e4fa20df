"""Read what people fill in by the schemas of the API, and say field by field what is wrong, in words of the page."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError

from app.errors import Invalid
from app.schemas.shapes import Body

B = TypeVar("B", bound=Body)
_OTHERWISE = "This can’t be as it is."


class Misfilled(Exception):
    """What was filled in can't be. `errors` has a sentence for each field, by its name, in the form's order."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(", ".join(errors))
        self.errors = dict(errors)


def read(schema: type[B], values: Mapping[str, object], wrong: Mapping[str, str]) -> B:
    """Return what was filled in. Raises Misfilled with the sentences of `wrong`, which are by name of a field; what is
    wrong with several together is under the first of `values`.
    """
    try:
        return schema.model_validate(values)
    except ValidationError as refused:
        names = [str(one["loc"][0]) if one["loc"] else next(iter(values)) for one in refused.errors()]
        raise Misfilled({name: wrong.get(name, _OTHERWISE) for name in names}) from refused


def of_refusal(refused: Invalid, *, otherwise: str) -> Misfilled:
    """Return a refusal of an operation as what is wrong with its fields, or with `otherwise` where it names none."""
    names = [one.pointer.split("/")[1] if one.pointer.startswith("/") else otherwise for one in refused.faults]
    return Misfilled(dict.fromkeys(names or [otherwise], refused.detail))


def one(form: Mapping[str, tuple[str, ...]], name: str) -> str:
    """Return what a field has, without spaces around it; empty when it was not sent."""
    return form.get(name, ("",))[0].strip()


def whole(text: str) -> int | str | None:
    """Return a whole number as a schema takes it: None for nothing, and as it is what is no number, to be refused."""
    if not text:
        return None
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else text


def tags(text: str) -> list[str]:
    """Return words that were separated by commas or spaces, each once."""
    return list(dict.fromkeys(text.replace(",", " ").split()))


def version(fields: Mapping[str, str]) -> int:
    """Return of which version a form was made; 0, which none is, where it does not say."""
    found = whole(fields.get("version", ""))
    return found if isinstance(found, int) else 0


def check_typed(word: str, fields: Mapping[str, str]) -> None:
    """Refuse what can't be undone until its word is typed in the field of that name. Raises Misfilled."""
    if fields.get(word, "").strip().lower() != word:
        raise Misfilled({word: f"Type {word} here. Nothing has changed."})
