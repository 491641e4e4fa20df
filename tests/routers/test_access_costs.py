"""What it costs to know who asks: one statement, and one more of who leads somebody or runs a program."""

import pytest
from sqlalchemy import insert, select

from app.db import DbSession, transaction
from app.models.tables import person, program_manager
from app.queries import runs
from app.queries.access import actor_of
from app.queries.scopes import acted_for
from app.rules.access import Actor
from app.vocabulary import Role
from tests.factories import a_person
from tests.harness import NOW, Api
from tests.statements import counted


@pytest.mark.parametrize(
    ("role", "more"), [(Role.ADMIN, 0), (Role.REP, 0), (Role.MANAGER, 1), (Role.PROGRAM_MANAGER, 1)]
)
def test_who_asks_is_known_by_one_statement_and_by_one_more_when_they_lead(api: Api, role: Role, more: int) -> None:
    with transaction(api.engine, writes=True) as db:
        someone = a_person(db, "Someone", role=role)
        for name in ("Ana", "Ben", "Cleo"):
            a_person(db, name, manager_id=someone.id)
    client = api.client(api.key(role, someone.id))
    client.get("/v1/skills")  # the first use is noted, and the second within a minute is not

    with counted(api.engine) as statements:
        client.get("/v1/nowhere")
        client.get("/v1/skills")

    before_the_list = next(n for n, statement in enumerate(statements) if "FROM skill" in statement)
    asked = [s for s in statements[:before_the_list] if s.startswith(("SELECT", "WITH", "UPDATE", "INSERT"))]
    assert len(asked) == 1 + more, asked


def test_who_leads_some_and_runs_programs_has_both(api: Api) -> None:
    with transaction(api.engine, writes=True) as db:
        pia = a_person(db, "Pia", role=Role.PROGRAM_MANAGER)
        ana = a_person(db, "Ana", manager_id=pia.id)
        ben = a_person(db, "Ben", manager_id=ana.id)
        a_person(db, "Cleo")
        program_id = runs.program_for_run(db, None).id
        db.execute(insert(program_manager).values(program_id=program_id, person_id=pia.id, created_at=NOW))

        runs_it = actor_of(db, credential_id="key", role=Role.PROGRAM_MANAGER, person_id=pia.id)
        leads = actor_of(db, credential_id="key", role=Role.MANAGER, person_id=pia.id)

    assert runs_it.reports == leads.reports == frozenset({ana.id, ben.id})
    assert (runs_it.programs, leads.programs) == (frozenset({program_id}), frozenset())


def test_a_tree_of_any_size_goes_along_as_one_parameter_for_each_column(db: DbSession) -> None:
    ana = a_person(db, "Ana")
    a_person(db, "Ben")
    reports = frozenset({ana.id, *(f"per_{number}" for number in range(40_000))})
    lead = Actor(credential_id="key", role=Role.MANAGER, person_id=None, reports=reports)

    query = select(person.c.id).where(acted_for(lead, person.c.id, person.c.manager_id))

    assert db.execute(query).scalars().all() == [ana.id]
