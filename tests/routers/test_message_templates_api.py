"""The words of mails over the API: what is refused first, then what an admin reads, saves, tries and takes back."""

from typing import Any

import pytest
from sqlalchemy import select

from app.db import transaction
from app.models.tables import event
from app.rules.messages import CATALOGUE
from app.vocabulary import MessageKind, Role
from tests.harness import Api

ALL = "/v1/message-templates"
GERMAN = f"{ALL}/seat_requested/de"
WORDS = {"subject": "{{observer_name}} möchte zuhören", "text": "Hallo {{name}},\n\n{{call}}, {{when}}\n\n{{link}}"}


def acts(api: Api) -> list[tuple[str, str, int]]:
    with transaction(api.engine, writes=False) as db:
        rows = db.execute(select(event).where(event.c.object_type == "message_template").order_by(event.c.sequence))
        return [(row.act, row.object_id, row.version) for row in rows]


@pytest.mark.parametrize(
    ("words", "pointers"),
    [
        ({**WORDS, "subject": "{{observer}}"}, ["/subject"]),
        ({**WORDS, "text": "{{observer name}} {{link}}"}, ["/text"]),
        ({"subject": "{{Name}}", "text": "{{name"}, ["/subject", "/text"]),
        ({**WORDS, "text": "{{program}}"}, ["/text"]),
        ({**WORDS, "text": "{{settings_link}}"}, ["/text"]),
    ],
)
def test_a_token_that_nobody_could_fill_in_is_refused_and_the_known_ones_are_named(
    api: Api, words: dict[str, str], pointers: list[str]
) -> None:
    answers = [api.admin.put(GERMAN, json=words), api.admin.post(f"{GERMAN}/preview", json=words)]

    for refused in answers:
        problem = refused.json()
        assert (refused.status_code, problem["code"]) == (422, "unknown_tokens")
        assert [one["pointer"] for one in problem["errors"]] == pointers
        assert problem["known"] == ["name", "observer_name", "call", "when", "until", "link"]
        assert "{{observer_name}}" in problem["detail"]
    assert api.admin.get(GERMAN).status_code == 404


@pytest.mark.parametrize(
    "words",
    [
        {},
        {"subject": "x"},
        {"subject": "", "text": "x"},
        {"subject": "x", "text": " \n "},
        {"subject": "two\nlines", "text": "x"},
        {"subject": "x" * 201, "text": "x"},
        {"subject": "x", "text": "x" * 5001},
        {"subject": "x", "text": "a\u001bb"},
        {"subject": "x", "text": "x", "html": "<p>x</p>"},
        {"subject": "x", "text": None},
    ],
)
def test_what_is_no_subject_and_text_is_refused(api: Api, words: dict[str, Any]) -> None:
    assert api.admin.put(GERMAN, json=words).status_code == 422


@pytest.mark.parametrize("place", ["seat_wanted/de", "seat_requested/german!", "seat_requested/d", "SEAT_REQUESTED/de"])
def test_a_kind_or_a_language_that_there_is_not_is_refused(api: Api, place: str) -> None:
    assert api.admin.get(f"{ALL}/{place}").status_code == 422


def test_nobody_but_an_admin_has_a_say_and_auditors_look(api: Api) -> None:
    for role, seen in ((Role.REP, 404), (Role.MANAGER, 404), (Role.AUDITOR, 200)):
        other = api.client(api.key(role))
        reads = [
            other.get(ALL),
            other.get(f"{ALL}/seat_requested/en"),
            other.post(f"{GERMAN}/preview", json={}),
        ]
        writes = [other.put(GERMAN, json=WORDS), other.delete(GERMAN)]
        assert [answer.status_code for answer in (*reads, *writes)] == [seen, seen, seen, 403, 403]


def test_whoever_read_older_words_does_not_write_over_newer_ones(api: Api) -> None:
    api.admin.put(GERMAN, json=WORDS)
    newer = api.admin.put(GERMAN, json={**WORDS, "subject": "Neu"}, headers={"If-Match": '"v1"'})

    late = api.admin.put(GERMAN, json=WORDS, headers={"If-Match": '"v1"'})
    late_delete = api.admin.delete(GERMAN, headers={"If-Match": '"v1"'})
    elsewhere = api.admin.put(f"{ALL}/seat_requested/fr", json=WORDS, headers={"If-Match": '"v1"'})

    assert (newer.status_code, newer.headers["etag"]) == (200, '"v2"')
    assert [answer.status_code for answer in (late, late_delete, elsewhere)] == [412, 412, 412]


def test_words_that_were_taken_back_and_saved_anew_are_another_version(api: Api) -> None:
    older = api.admin.put(GERMAN, json=WORDS).headers["ETag"]
    api.admin.delete(GERMAN)
    newer = api.admin.put(GERMAN, json={**WORDS, "subject": "Zuhören?"})

    refused = api.admin.put(GERMAN, json=WORDS, headers={"If-Match": older})

    assert (newer.status_code, newer.headers["ETag"], refused.status_code) == (201, '"v3"', 412)
    assert api.admin.get(GERMAN).json()["subject"] == "Zuhören?"
    assert acts(api)[-1] == ("message_template.created", "seat_requested/de", 3)


def test_what_ships_can_not_be_deleted(api: Api) -> None:
    assert api.admin.delete(f"{ALL}/seat_requested/en").status_code == 404
    assert api.admin.delete(GERMAN).status_code == 404


def test_the_list_begins_with_what_ships_for_every_kind(api: Api) -> None:
    told = api.admin.get(ALL, params={"limit": 200}).json()["data"]

    assert [(one["kind"], one["language"], one["version"], one["updated_at"]) for one in told] == [
        (kind, "en", 0, None) for kind in sorted(MessageKind)
    ]
    for one in told:
        assert (one["subject"], one["text"]) == (
            CATALOGUE[one["kind"]].words.subject,
            CATALOGUE[one["kind"]].words.text,
        )
        assert [token["name"] for token in one["tokens"]] == list(CATALOGUE[one["kind"]].names)


def test_words_are_saved_changed_and_taken_back(api: Api) -> None:
    made = api.admin.put(f"{ALL}/seat_requested/en", json=WORDS, headers={"If-Match": '"v0"'})
    again = api.admin.put(f"{ALL}/seat_requested/en", json=WORDS)
    changed = api.admin.put(f"{ALL}/seat_requested/en", json={**WORDS, "subject": "{{ name }}"})
    read = api.admin.get(f"{ALL}/seat_requested/en")
    listed = api.admin.get(ALL, params={"limit": 200}).json()["data"]
    deleted = api.admin.delete(f"{ALL}/seat_requested/en", headers={"If-Match": '"v2"'})
    after = api.admin.get(f"{ALL}/seat_requested/en")

    assert (made.status_code, made.json()["language"], made.headers["etag"]) == (201, "en", '"v1"')
    assert (again.status_code, again.json()["version"]) == (200, 1)
    assert (changed.status_code, changed.json()["subject"]) == (200, "{{ name }}")
    assert read.json() == changed.json()
    assert [one for one in listed if one["kind"] == "seat_requested"] == [changed.json()]
    assert deleted.status_code == 204
    assert (after.json()["version"], after.json()["subject"]) == (
        0,
        CATALOGUE[MessageKind.SEAT_REQUESTED].words.subject,
    )
    object_id = "seat_requested/en"
    assert acts(api) == [
        ("message_template.created", object_id, 1),
        ("message_template.changed", object_id, 2),
        ("message_template.deleted", object_id, 3),
    ]


def test_a_language_is_one_however_it_is_written(api: Api) -> None:
    made = api.admin.put(f"{ALL}/digest/pt-br", json={"subject": "Dia", "text": "{{agenda}}"})

    assert made.json()["language"] == "pt-BR"
    assert api.admin.get(f"{ALL}/digest/pt-Br").json() == made.json()


def test_a_preview_shows_the_mail_that_would_go_out_and_saves_nothing(api: Api) -> None:
    shown = api.admin.post(f"{GERMAN}/preview", json={**WORDS, "text": "Hallo <b>{{name}}</b>,\r\n\r\n{{link}}"}).json()

    assert shown["subject"] == "Aisha Khan möchte zuhören"
    assert shown["text"].startswith("Hallo <b>Jo Müller</b>,\n\nhttps://earshot.example/")
    assert shown["html"].startswith('<p>Hallo &lt;b&gt;Jo Müller&lt;/b&gt;,</p>\n<p><a href="https://earshot.example/')
    assert api.admin.get(GERMAN).status_code == 404
    assert acts(api) == []


def test_a_preview_of_nothing_shows_what_readers_of_the_language_get(api: Api) -> None:
    api.admin.put(f"{ALL}/digest/pt", json={"subject": "O seu {{day}}", "text": "{{agenda}}"})

    held = api.admin.post(f"{ALL}/digest/pt-BR/preview", json={}).json()
    half = api.admin.post(f"{ALL}/digest/pt-BR/preview", json={"subject": "Hoje"}).json()
    ships = api.admin.post(f"{ALL}/digest/fi/preview", json={}).json()

    assert (held["subject"], held["text"].count("\n")) == ("O seu Monday 23 November 2026", 2)
    assert (half["subject"], half["text"]) == ("Hoje", held["text"])
    assert ships["subject"] == "Your Monday 23 November 2026"


@pytest.mark.parametrize("kind", MessageKind)
def test_every_kind_can_be_shown(api: Api, kind: MessageKind) -> None:
    shown = api.admin.post(f"{ALL}/{kind}/en/preview", json={}).json()

    assert "{{" not in shown["subject"] + shown["text"] + shown["html"]
