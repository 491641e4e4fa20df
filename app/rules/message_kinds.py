"""What a kind of mail is made of: the facts that it can say, and words."""

from dataclasses import dataclass

from app.rules.templates import Fact, Words


@dataclass(frozen=True, slots=True)
class Token:
    """Something that a mail can say: what it is, and what it may look like."""

    name: str
    meaning: str
    example: Fact


@dataclass(frozen=True, slots=True)
class Message:
    """One kind of mail: the tokens that its words may have, and our own words."""

    tokens: tuple[Token, ...]
    words: Words

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its tokens."""
        return tuple(token.name for token in self.tokens)

    @property
    def examples(self) -> dict[str, Fact]:
        """Facts such as it is filled with."""
        return {token.name: token.example for token in self.tokens}
