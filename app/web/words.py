"""What pages call the kinds of sessions, the parts in them, what people answer, and what speaks for a match."""

from collections.abc import Mapping

from app.vocabulary import Part, Response, SessionKind

KINDS: Mapping[SessionKind, str] = {
    SessionKind.SHADOW: "Shadow",
    SessionKind.REVERSE_SHADOW: "Reverse shadow",
    SessionKind.RIDE_ALONG: "Ride-along",
    SessionKind.DROP_IN: "Drop-in",
    SessionKind.DEBRIEF: "Debrief",
    SessionKind.ONE_ON_ONE: "One-on-one",
    SessionKind.ROLE_PLAY: "Role-play",
}
PARTS: Mapping[Part, str] = {
    Part.HOST: "Host",
    Part.OBSERVER: "Observer",
    Part.MENTOR: "Mentor",
    Part.MENTEE: "Mentee",
}
ANSWERS: Mapping[Response, str] = {
    Response.NEEDS_ACTION: "invite not answered yet",
    Response.ACCEPTED: "invite accepted",
    Response.DECLINED: "invite declined",
    Response.TENTATIVE: "invite answered with maybe",
}
TERMS: Mapping[str, str] = {
    "skill": "The mentor can teach what the mentee wants to learn",
    "co_availability": "The mentee can hear the mentor’s calls",
    "segment": "They know the same kind of customers",
    "overlap": "They share working hours",
    "affinity": "One would like the other",
    "language": "They share a language",
    "fresh": "They have not been matched before",
}
"""What the terms of a score say."""
