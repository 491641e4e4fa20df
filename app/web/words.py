"""What pages call the kinds of sessions, the parts in them and what people answer."""

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
