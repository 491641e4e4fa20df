"""Every table, so that alembic sees them all."""

from sqlmodel import SQLModel

from app.models.access import ApiKey, BrowserSession, SignInIdentity, SignInLink
from app.models.availability import Availability, Busy, Pause
from app.models.calendar import CalendarEntry, CalendarReply, ConnectedCalendar, Feed
from app.models.call import Account, Call, CallType, CallTypeSkill
from app.models.external import ExternalIdentity
from app.models.file_import import FileImport, FileImportRow
from app.models.floor import DiallerConnection, DiallerMessage, Hand, PersonPresence, PowerHour, PowerHourPart
from app.models.mail import MailSetting, MailTrouble, MessageTemplate, Notice
from app.models.match import Match, MatchRun, ProposedMatch
from app.models.person import Person, Team
from app.models.plan import PlanRun, PlanSeat
from app.models.program import Enrollment, PairRule, Preference, Program, ProgramManager
from app.models.record import AuditSeal, Event, EventDetail, IdempotencyRecord, Installation, Job, Operation
from app.models.seat import Seat, WaitlistEntry
from app.models.session import Claim, Hold, Participant, Series, Session
from app.models.skill import PersonSkill, Skill, SkillAssessment
from app.models.webhook import Delivery, DeliveryAttempt, WebhookEndpoint

metadata = SQLModel.metadata

__all__ = [
    "Account",
    "ApiKey",
    "AuditSeal",
    "Availability",
    "BrowserSession",
    "Busy",
    "CalendarEntry",
    "CalendarReply",
    "Call",
    "CallType",
    "CallTypeSkill",
    "Claim",
    "ConnectedCalendar",
    "Delivery",
    "DeliveryAttempt",
    "DiallerConnection",
    "DiallerMessage",
    "Enrollment",
    "Event",
    "EventDetail",
    "ExternalIdentity",
    "Feed",
    "FileImport",
    "FileImportRow",
    "Hand",
    "Hold",
    "IdempotencyRecord",
    "Installation",
    "Job",
    "MailSetting",
    "MailTrouble",
    "Match",
    "MatchRun",
    "MessageTemplate",
    "Notice",
    "Operation",
    "PairRule",
    "Participant",
    "Pause",
    "Person",
    "PersonPresence",
    "PersonSkill",
    "PlanRun",
    "PlanSeat",
    "PowerHour",
    "PowerHourPart",
    "Preference",
    "Program",
    "ProgramManager",
    "ProposedMatch",
    "Seat",
    "Series",
    "Session",
    "SignInIdentity",
    "SignInLink",
    "Skill",
    "SkillAssessment",
    "Team",
    "WaitlistEntry",
    "WebhookEndpoint",
    "metadata",
]
