"""Skills, what each person can do and wants to hear, and the history of who said so."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from app.models.fields import key, ref


class Skill(SQLModel, table=True):
    """Something a rep can be good at, grouped by the part of the slug before the dot."""

    slug: str = Field(primary_key=True, max_length=64)
    name: str = Field(max_length=200)
    version: int = 1
    created_at: datetime
    updated_at: datetime


class PersonSkill(SQLModel, table=True):
    """What stands now for one person and skill: level 0 to 4, wish to learn 0 to 5, whether they teach it."""

    __tablename__ = "person_skill"
    __table_args__ = (
        CheckConstraint("level BETWEEN 0 AND 4", name="person_skill_level"),
        CheckConstraint("wants BETWEEN 0 AND 5", name="person_skill_wants"),
    )

    person_id: str = ref("person.id", primary_key=True)
    skill: str = Field(foreign_key="skill.slug", primary_key=True, index=True)
    level: int = 0
    wants: int = 0
    teaches: bool = False


class SkillAssessment(SQLModel, table=True):
    """One statement about one level: who made it and when. Rows are only ever added."""

    __tablename__ = "skill_assessment"
    __table_args__ = (
        CheckConstraint("level BETWEEN 0 AND 4", name="skill_assessment_level"),
        Index("skill_assessment_as_of", "person_id", "skill", "set_at"),
    )

    id: str = key()
    person_id: str = ref("person.id")
    skill: str = Field(foreign_key="skill.slug")
    level: int
    set_by: str = Field(max_length=64)
    """The person or the key that said it."""
    set_as: str = Field(max_length=32)
    """self, mentor, manager, certification, or admin."""
    set_at: datetime
