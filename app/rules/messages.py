"""The catalogue of mails: which facts each kind can say, and our own words for it, in English.

Data minimum (design: privacy): people and company by name, the type of a call, times; no title or contact of the CRM.
"""

from collections.abc import Mapping

from app.rules.message_kinds import Message, Token
from app.rules.templates import Words
from app.vocabulary import MessageKind

_NAME = Token("name", "The name of whoever reads it.", "Jo Müller")
_LINK = Token(
    "link", "The page where they see it, and act.", "https://earshot.example/s/ses_01jd6x0000e8r9sv4kz2m7n5qa"
)
_WHEN = Token(
    "when", "From when until when, in the zone where they live.", "Monday 23 November 2026, 10:00–10:30 (Europe/London)"
)
_UNTIL = Token("until", "By when they can answer, where they live.", "Monday 23 November 2026, 09:45 (Europe/London)")
_CALL = Token("call", "The company and the type of the call.", "Northwind Freight (discovery)")
_HOST = Token("host_name", "Who hosts the call.", "Mara Okafor")
_OBSERVER = Token("observer_name", "Who would like to listen.", "Aisha Khan")
_WHAT = Token("what", "What it is, with whom and about what.", "Shadow: Mara Okafor · Northwind Freight (discovery)")
_WHO = Token("who_name", "Who answered; several with “and”.", "Mara Okafor")
_SETTINGS = Token(
    "settings_link", "The page where they choose which mail they want.", "https://earshot.example/r/AbCd/mail"
)
_OTHER = Token("other_name", "The other of the two.", "Mara Okafor")
_MENTOR = Token("mentor_name", "The mentor.", "Mara Okafor")
_MENTEE = Token("mentee_name", "The mentee.", "Jo Müller")
_PROGRAM = Token("program", "The program that they are in.", "New account executives")
_MATCH_OVER = Token("reason", "Why there is no match, as a sentence.", "Nobody decided in time.")
_YES_MISSING = (
    _NAME,
    Token("request", "What is asked, as a sentence.", "Jo Müller would like Mara Okafor to be their mentor."),
    _MENTOR,
    _MENTEE,
    _PROGRAM,
    _UNTIL,
    _LINK,
)
_ON_CALL = (_NAME, _CALL, _HOST, _WHEN, _LINK)
_INVITE = (_NAME, _WHAT, Token("when", _WHEN.meaning + " Of a series, several lines.", _WHEN.example), _LINK)
_POWER_HOUR = (
    _NAME,
    Token("power_hour", "What the power hour is called.", "Tuesday power hour"),
    _WHEN,
    Token("turns", "Whom they hear when, or who hears them, line by line.", ("10:00–10:20 You listen to Mara Okafor",)),
    _LINK,
)
_NOTE = Token("note", "What who cancelled it wrote to the others; empty for nothing.", "Mara Okafor: “I am ill today.”")
_REMINDER = (
    _NAME,
    _WHAT,
    _WHEN,
    Token("join", "The way into the meeting; empty where none is known.", "https://meet.example/123-456"),
    _LINK,
    _SETTINGS,
)


def _invite(subject: str, news: str) -> Message:
    text = "Hello {{name}},\n\n" + news + "\n\n{{what}}\n{{when}}\n\n{{link}}\n"
    return Message(_INVITE, Words(subject, text))


def _off(subject: str, news: str) -> Message:
    """What somebody cancelled: they may have said why."""
    return Message((*_INVITE, _NOTE), _invite(subject, news + "\n\n{{note}}").words)


CATALOGUE: Mapping[MessageKind, Message] = {
    MessageKind.SEAT_BOOKED: _invite("{{what}}", "You have a seat on this call. Enjoy it."),
    MessageKind.SEAT_CHANGED: _invite("Changed: {{what}}", "Your seat has changed. Here is what holds now."),
    MessageKind.SEAT_CANCELLED: _invite(
        "Cancelled: {{what}}", "You no longer have a seat on this call. Your time is free again."
    ),
    MessageKind.HOSTING_BOOKED: _invite(
        "{{what}}", "You will have company on your call. They only listen; there is nothing for you to prepare."
    ),
    MessageKind.HOSTING_CHANGED: _invite(
        "Changed: {{what}}",
        "Who sits in on your call, or when, has changed. They only listen; there is nothing for you to prepare.",
    ),
    MessageKind.HOSTING_CANCELLED: _invite(
        "Cancelled: {{what}}", "Nobody sits in on this call any more. There is nothing for you to do."
    ),
    MessageKind.SESSION_BOOKED: _invite("{{what}}", "You have a new session."),
    MessageKind.SESSION_CHANGED: _invite("Changed: {{what}}", "This session has changed. Here is what holds now."),
    MessageKind.SESSION_CANCELLED: _off("Cancelled: {{what}}", "This one is off: your time is free again."),
    MessageKind.SERIES_BOOKED: _invite("{{what}}", "You have a new series of sessions."),
    MessageKind.SERIES_CHANGED: _off("Changed: {{what}}", "This series has changed. Here is what holds now."),
    MessageKind.SERIES_CANCELLED: _off(
        "Cancelled: {{what}}", "All of this series that was still to come is off: your time is free again."
    ),
    MessageKind.SEAT_REQUESTED: Message(
        (_NAME, _OBSERVER, _CALL, _WHEN, _UNTIL, _LINK),
        Words(
            "{{observer_name}} would like to listen to your call: {{call}}",
            """Hello {{name}},

{{observer_name}} would like to listen to a call of yours:
{{call}}
{{when}}

They only listen; there is nothing for you to prepare. Please say yes or no by {{until}}:
{{link}}
""",
        ),
    ),
    MessageKind.SEAT_DECLINED: Message(
        _ON_CALL,
        Words(
            "No seat this time: {{call}}",
            """Hello {{name}},

{{host_name}} can't take anybody along this time:
{{call}}
{{when}}

Your time is free again. There are other calls worth hearing:
{{link}}
""",
        ),
    ),
    MessageKind.SEAT_EXPIRED: Message(
        _ON_CALL,
        Words(
            "No answer in time: {{call}}",
            """Hello {{name}},

{{host_name}} did not get round to answering your request in time:
{{call}}
{{when}}

Your time is free again. There are other calls worth hearing:
{{link}}
""",
        ),
    ),
    MessageKind.REQUEST_OVER: Message(
        (*_ON_CALL, Token("reason", "Why there is no seat, as a sentence.", "The call is off.")),
        Words(
            "No seat any more: {{call}}",
            """Hello {{name}},

You wanted to listen to this call with {{host_name}}, and that is not possible any more:
{{call}}
{{when}}

{{reason}} There are other calls worth hearing:
{{link}}
""",
        ),
    ),
    MessageKind.SEAT_OFFERED: Message(
        (*_ON_CALL, _UNTIL),
        Words(
            "A seat for you: {{call}}",
            """Hello {{name}},

A seat has come free on a call that you are waiting for, and it is kept for you:
{{call}}, with {{host_name}}
{{when}}

It is yours if you take it by {{until}}. After that it goes to the next in line:
{{link}}
""",
        ),
    ),
    MessageKind.OFFER_LAPSED: Message(
        _ON_CALL,
        Words(
            "The seat has gone to the next in line: {{call}}",
            """Hello {{name}},

The seat that was kept for you was not taken in time, so it is no longer yours:
{{call}}, with {{host_name}}
{{when}}

Would you still like to listen? You can wait for the next one here:
{{link}}
""",
        ),
    ),
    MessageKind.SESSION_DECLINED: Message(
        (_NAME, _WHO, _WHAT, _WHEN, _LINK),
        Words(
            "{{who_name}} can't come: {{what}}",
            """Hello {{name}},

{{who_name}} can't come to this session:
{{what}}
{{when}}

It stands for everybody else. You can choose another time, or cancel it, here:
{{link}}
""",
        ),
    ),
    MessageKind.TIME_SUGGESTED: Message(
        (
            _NAME,
            _WHO,
            _WHAT,
            _WHEN,
            Token("suggested", "When they could begin.", "Tuesday 24 November 2026, 15:00 (Europe/London)"),
            _LINK,
        ),
        Words(
            "Another time? {{what}}",
            """Hello {{name}},

{{who_name}} would like another time for this session:
{{what}}

Planned: {{when}}
Suggested: {{suggested}}

You can move it there, or choose another time, here:
{{link}}
""",
        ),
    ),
    MessageKind.MATCH_REQUESTED: Message(
        _YES_MISSING,
        Words(
            "Will you say yes? {{mentee_name}} and {{mentor_name}}",
            """Hello {{name}},

{{request}} They would be a match in {{program}}.

It begins with your yes. Please say yes or no by {{until}}:
{{link}}
""",
        ),
    ),
    MessageKind.MATCH_REMINDER: Message(
        _YES_MISSING,
        Words(
            "Still waiting for you: {{mentee_name}} and {{mentor_name}}",
            """Hello {{name}},

{{request}} They would be a match in {{program}}, and it is for you to say.

A no is a good answer, too. If nobody answers by {{until}}, it is off:
{{link}}
""",
        ),
    ),
    MessageKind.MATCH_DECLINED: Message(
        (_NAME, _OTHER, _PROGRAM, _MATCH_OVER, _LINK),
        Words(
            "No match this time: {{other_name}}",
            """Hello {{name}},

You and {{other_name}} will not be a match in {{program}} this time. {{reason}}

More about it is here:
{{link}}
""",
        ),
    ),
    MessageKind.MATCH_ENDED: Message(
        (_NAME, _OTHER, _PROGRAM, _MATCH_OVER, _LINK),
        Words(
            "Your match with {{other_name}} has ended",
            """Hello {{name}},

You and {{other_name}} are no longer a match in {{program}}. {{reason}}

Sessions that you have planned together stay until one of you cancels them. More about it is here:
{{link}}
""",
        ),
    ),
    MessageKind.FIT_CHECK: Message(
        (_NAME, _OTHER, _PROGRAM, _LINK),
        Words(
            "How is it going with {{other_name}}?",
            """Hello {{name}},

You and {{other_name}} have met for the first time as a match in {{program}}.
How does it feel: good, not sure yet, or not a fit?

Only you and who runs the program see your answer. If it is not a fit, the match ends and somebody else is looked for.
Nobody has to say why:
{{link}}
""",
        ),
    ),
    MessageKind.TIME_STAYS: Message(
        (_NAME, _WHAT, _WHEN, _LINK),
        Words(
            "It stays at its time: {{what}}",
            """Hello {{name}},

The time that you suggested is not taken. It stays as it was:
{{what}}
{{when}}

You can answer, or suggest another time, here:
{{link}}
""",
        ),
    ),
    MessageKind.MATCH_STARTED: Message(
        (_NAME, _OTHER, _MENTOR, _MENTEE, _PROGRAM, _LINK),
        Words(
            "You and {{other_name}} are a match",
            """Hello {{name}},

You and {{other_name}} are a match in {{program}}: {{mentor_name}} is the mentor, {{mentee_name}} the mentee.

Say hello, and plan a first half hour together. What speaks for the two of you is here:
{{link}}
""",
        ),
    ),
    MessageKind.POWER_HOUR_PLANNED: Message(
        _POWER_HOUR,
        Words(
            "{{power_hour}}: you are in it",
            """Hello {{name}},

You are in a power hour: some dial at once, and others go from one to the next and listen.

{{power_hour}}
{{when}}

{{turns}}

Who hears whom stands here, and your turn on the floor when it is on:
{{link}}
""",
        ),
    ),
    MessageKind.POWER_HOUR_CHANGED: Message(
        _POWER_HOUR,
        Words(
            "Changed: {{power_hour}}",
            """Hello {{name}},

This power hour has changed. Here is what holds now:

{{power_hour}}
{{when}}

{{turns}}

Who hears whom stands here, and your turn on the floor when it is on:
{{link}}
""",
        ),
    ),
    MessageKind.POWER_HOUR_OFF: Message(
        (
            _NAME,
            Token("when", "When it was to begin, where they live.", _UNTIL.example),
            Token("reason", "What became of it, as a sentence.", "It is cancelled."),
            Token("link", "The page of their power hours.", "https://earshot.example/power-hours"),
        ),
        Words(
            "Off for you: the power hour of {{when}}",
            """Hello {{name}},

You were to be in a power hour: {{when}}. {{reason}} Your time is free again.

Those that you are in are here:
{{link}}
""",
        ),
    ),
    MessageKind.REMINDER_DAY: Message(
        _REMINDER,
        Words(
            "Coming up: {{what}}",
            """Hello {{name}},

This is coming up:
{{what}}
{{when}}

If you can't make it, please say so here, the sooner the better:
{{link}}

Too much mail? Choose what you want to hear of:
{{settings_link}}
""",
        ),
    ),
    MessageKind.REMINDER_SOON: Message(
        _REMINDER,
        Words(
            "Starts soon: {{what}}",
            """Hello {{name}},

This starts soon:
{{what}}
{{when}}
{{join}}

{{link}}

Too much mail? Choose what you want to hear of:
{{settings_link}}
""",
        ),
    ),
    MessageKind.DIGEST: Message(
        (
            _NAME,
            Token("day", "The day that it is about.", "Monday 23 November 2026"),
            Token(
                "agenda",
                "What they have that day, in several lines.",
                ("10:00–10:30 Shadow: Mara Okafor · Northwind Freight (discovery)", "15:00–15:30 1:1: Mara Okafor"),
            ),
            _LINK,
            _SETTINGS,
        ),
        Words(
            "Your {{day}}",
            """Good morning {{name}},

This is your {{day}}:

{{agenda}}

Your week is here:
{{link}}

Too much mail? Choose what you want to hear of:
{{settings_link}}
""",
        ),
    ),
    MessageKind.SIGN_IN: Message(
        (_NAME, Token("link", "The link that signs them in, once.", "https://earshot.example/login/t/7h2k9m")),
        Words(
            "Your link to Earshot",
            """Hello {{name}},

Here is the link with which you sign in. It works once, for 15 minutes, and only in the browser that asked for it:
{{link}}

You did not ask for it? Then do nothing: nobody else can use it.
""",
        ),
    ),
    MessageKind.ADDRESS_CHANGED: Message(
        (
            _NAME,
            Token("when", "When it was changed, where they live.", "Monday 23 November 2026, 10:00 (Europe/London)"),
            Token("link", "Where they see who is signed in as them.", "https://earshot.example/me/security"),
        ),
        Words(
            "Your address in Earshot is another now",
            """Hello {{name}},

On {{when}} your e-mail address in Earshot was changed. Nothing else goes to this one: links to sign in are sent to the
new address, and you are signed out everywhere.

You know of it? Then sign in with the new one; which devices are signed in as you is said here:
{{link}}

You don't? Tell whoever administers Earshot in your company at once.
""",
        ),
    ),
    MessageKind.WEBHOOK_DISABLED: Message(
        (
            _NAME,
            Token("endpoint", "What the webhook endpoint is called.", "CRM sync"),
            Token("endpoint_id", "Its id.", "whe_01jd6x0000e8r9sv4kz2m7n5qa"),
            Token("reason", "Why it is switched off, as a sentence.", "Nothing has arrived there for five days."),
            Token("link", "Where the API is described.", "https://earshot.example/docs"),
        ),
        Words(
            "Webhook endpoint switched off: {{endpoint}}",
            """Hello {{name}},

The webhook endpoint {{endpoint}} ({{endpoint_id}}) is switched off. {{reason}}

Nothing is lost: what it has not heard is sent once it is enabled again. How to do that is said here:
{{link}}
""",
        ),
    ),
}
