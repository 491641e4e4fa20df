"""The tables by name, for statements on columns: `tables.person.c.email`."""

from typing import cast

from sqlalchemy import Table
from sqlmodel import SQLModel

from app import models


def _of(model: type[SQLModel]) -> Table:
    return cast(Table, model.__table__)  # type: ignore[attr-defined]


account = _of(models.Account)
api_key = _of(models.ApiKey)
audit_seal = _of(models.AuditSeal)
availability = _of(models.Availability)
browser_session = _of(models.BrowserSession)
busy = _of(models.Busy)
calendar_entry = _of(models.CalendarEntry)
calendar_reply = _of(models.CalendarReply)
call = _of(models.Call)
call_type = _of(models.CallType)
call_type_skill = _of(models.CallTypeSkill)
claim = _of(models.Claim)
connected_calendar = _of(models.ConnectedCalendar)
delivery = _of(models.Delivery)
delivery_attempt = _of(models.DeliveryAttempt)
dialler_connection = _of(models.DiallerConnection)
dialler_message = _of(models.DiallerMessage)
enrollment = _of(models.Enrollment)
event = _of(models.Event)
event_detail = _of(models.EventDetail)
external_identity = _of(models.ExternalIdentity)
feed = _of(models.Feed)
file_import = _of(models.FileImport)
file_import_row = _of(models.FileImportRow)
hand = _of(models.Hand)
hold = _of(models.Hold)
idempotency_record = _of(models.IdempotencyRecord)
installation = _of(models.Installation)
job = _of(models.Job)
mail_setting = _of(models.MailSetting)
mail_trouble = _of(models.MailTrouble)
match = _of(models.Match)
match_run = _of(models.MatchRun)
message_template = _of(models.MessageTemplate)
notice = _of(models.Notice)
operation = _of(models.Operation)
pair_rule = _of(models.PairRule)
participant = _of(models.Participant)
pause = _of(models.Pause)
person = _of(models.Person)
person_skill = _of(models.PersonSkill)
plan_run = _of(models.PlanRun)
plan_seat = _of(models.PlanSeat)
power_hour = _of(models.PowerHour)
power_hour_part = _of(models.PowerHourPart)
preference = _of(models.Preference)
presence = _of(models.PersonPresence)
program = _of(models.Program)
program_manager = _of(models.ProgramManager)
proposed_match = _of(models.ProposedMatch)
seat = _of(models.Seat)
series = _of(models.Series)
session = _of(models.Session)
sign_in_identity = _of(models.SignInIdentity)
sign_in_link = _of(models.SignInLink)
skill = _of(models.Skill)
skill_assessment = _of(models.SkillAssessment)
team = _of(models.Team)
waitlist_entry = _of(models.WaitlistEntry)
webhook_endpoint = _of(models.WebhookEndpoint)
