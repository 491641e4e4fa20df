"""What pages call the kinds of sessions, the parts in them, what people answer, and what speaks for a match."""

from collections.abc import Mapping

from app.vocabulary import Part, PersonStatus, Response, Role, SessionKind

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
LEVELS: Mapping[int, str] = {
    0: "no evidence yet",
    1: "knows it",
    2: "does it with help",
    3: "does it alone",
    4: "can teach it",
}
"""What a level of a skill says of somebody."""
WISHES: Mapping[str, str] = {
    "0": "Not now",
    "1": "Some day",
    "2": "A little",
    "3": "Yes",
    "4": "Much",
    "5": "First of all",
}
"""How much somebody wants to hear a skill, as forms send it."""
ROLES: Mapping[Role, str] = {
    Role.ADMIN: "Admin",
    Role.PROGRAM_MANAGER: "Program manager",
    Role.MANAGER: "Manager",
    Role.REP: "Rep",
    Role.AUDITOR: "Auditor",
    Role.INTEGRATION: "Integration",
}
STATUSES: Mapping[PersonStatus, str] = {
    PersonStatus.ACTIVE: "active",
    PersonStatus.ON_LEAVE: "on leave",
    PersonStatus.LEFT: "left",
}
