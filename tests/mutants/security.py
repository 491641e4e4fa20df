"""The guards behind the bars of security (S1 to S18), what stands there without one, and the test that must notice."""

from dataclasses import dataclass

_KEYS = "tests/routers/test_api_keys_api.py"
_PROGRAMS = "tests/routers/test_who_runs_programs.py"
_RATES = "tests/routers/test_rate_limits.py"
_PRIVACY = "tests/routers/test_privacy_api.py"
_ERASED = "tests/journeys/test_erased.py"
_LISTED = "tests/test_erasures.py"


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard: a piece of code that stands once in a file, and what stands there when it is gone."""

    bar: str
    test: str
    file: str
    old: str
    new: str


GUARDS = (
    Guard(
        "S7",
        f"{_KEYS}::test_who_is_nobody_has_no_key_of_nobody_in_hand",
        "app/operations/api_keys.py",
        "    return found.person_id is not None and found.person_id == actor.person_id",
        "    return found.person_id == actor.person_id",
    ),
    Guard(
        "S7",
        f"{_KEYS}::test_who_is_nobody_has_no_key_of_nobody_in_hand",
        "app/queries/api_keys.py",
        "    return false() if actor.person_id is None else api_key.c.person_id == actor.person_id",
        "    return api_key.c.person_id == actor.person_id",
    ),
    Guard(
        "S5",
        f"{_KEYS}::test_a_revoked_key_is_over_at_once_and_for_good",
        "app/queries/api_keys.py",
        "    return expired or found.revoked_at is not None or found.status is PersonStatus.LEFT",
        "    return expired or found.status is PersonStatus.LEFT",
    ),
    Guard(
        "S5",
        f"{_KEYS}::test_every_key_that_does_not_work_is_answered_alike",
        "app/queries/api_keys.py",
        "    expired = found.expires_at is not None and found.expires_at <= now",
        "    expired = False",
    ),
    Guard(
        "S5",
        f"{_KEYS}::test_a_rotated_key_works_beside_the_new_one_for_as_long_as_was_said",
        "app/queries/api_keys.py",
        "    return found.previous_until is not None and found.previous_until > now",
        "    return found.previous_until is not None",
    ),
    Guard(
        "S5",
        f"{_KEYS}::test_a_mistyped_key_costs_no_look_into_the_database",
        "app/credentials.py",
        "    if not found or _check(found[1] + found[2]) != found[3]:",
        "    if not found:",
    ),
    Guard(
        "S5",
        f"{_KEYS}::test_what_a_key_holds_is_shown_once_and_stored_nowhere",
        "app/operations/idempotency.py",
        'SHOWN_ONCE = ("secret", "token", "url")',
        'SHOWN_ONCE = ("token", "url")',
    ),
    Guard(
        "S5",
        f"{_KEYS}::test_a_reps_key_of_an_admin_makes_and_rotates_none_that_may_do_more",
        "app/operations/api_keys.py",
        "    most = actor.role if own else found.role",
        "    most = found.role",
    ),
    Guard(
        "S5",
        f"{_KEYS}::test_a_reps_key_of_an_admin_makes_and_rotates_none_that_may_do_more",
        "app/operations/api_keys.py",
        "    if not decides_access(actor) and not (mine and found.role in (Role.REP, actor.role)):",
        "    if not decides_access(actor) and not mine:",
    ),
    Guard(
        "S5",
        f"{_KEYS}::test_nobody_makes_a_key_on_somebodys_behalf",
        "app/operations/api_keys.py",
        "    if actor.behind is not None:",
        "    if False:",
    ),
    Guard(
        "S5",
        f"{_KEYS}::test_a_keyed_request_on_behalf_of_somebody_is_another_one_than_for_oneself",
        "app/routers/dependencies.py",
        '    if behalf := request.headers.get("on-behalf-of"):',
        '    if behalf := "":',
    ),
    Guard(
        "S7",
        "tests/routers/test_scopes.py::test_a_key_is_told_which_scope_would_let_it_in",
        "app/routers/dependencies.py",
        "        check_scope(request, found.actor)\n",
        "",
    ),
    Guard(
        "S7",
        "tests/routers/test_scopes.py::test_no_scope_lets_a_key_decide_who_may_do_what",
        "app/routers/areas.py",
        "    if tag in CLOSED_TAGS or tag not in AREA_OF_TAG:\n        raise ScopeMissing",
        "    if tag not in AREA_OF_TAG:\n        return\n    if False:\n        raise ScopeMissing",
    ),
    Guard(
        "S14",
        f"{_RATES}::test_nothing_is_done_for_who_comes_too_often",
        "app/routers/rates.py",
        "    if turn.retry_after is not None:",
        "    if False:",
    ),
    Guard(
        "S14",
        f"{_RATES}::test_who_tries_many_keys_is_told_to_wait_and_keeps_nobody_else_out",
        "app/routers/rates.py",
        "    if wait is not None:",
        "    if False:",
    ),
    Guard(
        "S14",
        f"{_RATES}::test_who_guesses_addresses_of_calendars_is_told_to_wait_and_subscribers_are_not",
        "app/routers/feeds.py",
        "        count_stranger(request, UNKNOWN_FEEDS, at=now)\n",
        "",
    ),
    Guard(
        "S16",
        f"{_PRIVACY}::test_only_who_decides_access_exports_or_erases_somebody_else",
        "app/operations/privacy.py",
        '    if not decides_access(actor):\n        raise Forbidden("Only an admin erases people.")\n',
        "",
    ),
    Guard(
        "S16",
        f"{_PRIVACY}::test_an_export_of_somebody_else_is_not_there",
        "app/routers/privacy.py",
        "    if not decides_access(actor) and actor.person_id != person_id:",
        "    if False:",
    ),
    Guard(
        "S16",
        f"{_PRIVACY}::test_a_wrong_address_erases_nobody",
        "app/operations/privacy.py",
        "    if confirm is not None and confirm.strip().lower() != found.email:",
        "    if False:",
    ),
    Guard(
        "S16",
        f"{_ERASED}::test_whoever_is_erased_is_in_no_table_no_file_and_no_log",
        "app/jobs/privacy.py",
        "        found += _take_out(engine, table, traces)",
        "        found += 9",
    ),
    Guard(
        "S16",
        f"{_ERASED}::test_whoever_is_erased_is_in_no_table_no_file_and_no_log",
        "app/jobs/privacy.py",
        "        file.unlink(missing_ok=True)",
        "        file.exists()",
    ),
    Guard(
        "S16",
        f"{_LISTED}::test_nobody_is_erased_when_the_list_cannot_be_written",
        "app/operations/privacy.py",
        "    listed.add(person_id, at=now)\n",
        "",
    ),
    Guard(
        "S16",
        f"{_LISTED}::test_whatever_opens_the_database_erases_again_whom_it_knows",
        "app/cli/installation.py",
        "            erase_again(engine, settings, now=clock.now())\n",
        "",
    ),
    Guard(
        "S16",
        "tests/routers/test_figures_api.py::test_an_admin_is_told_figures_until_they_are_switched_off",
        "app/routers/figures.py",
        "        if _shown(given):",
        "        if True:",
    ),
    Guard(
        "S7",
        f"{_PROGRAMS}::test_who_runs_a_program_runs_all_of_it_and_nothing_of_another",
        "app/operations/programs.py",
        "    if not runs_program(actor, program_id):",
        "    if False:",
    ),
    Guard(
        "S7",
        f"{_PROGRAMS}::test_nobody_plans_for_a_team_in_which_somebody_reports_to_others",
        "app/operations/plan_runs.py",
        "(team_id is not None and runs.leads_team(db, team_id, actor=actor)):",
        "team_id is not None:",
    ),
    Guard(
        "S7",
        f"{_PROGRAMS}::test_nobody_plans_for_a_team_in_which_somebody_reports_to_others",
        "app/queries/runs.py",
        ".having(others == 0)",
        ".having(others >= 0)",
    ),
    Guard(
        "S7",
        f"{_PROGRAMS}::test_who_leads_one_of_the_two_pauses_and_ends_and_an_auditor_does_not",
        "app/operations/match_acts.py",
        "    if not may_steer(found, actor):",
        "    if False:",
    ),
    Guard(
        "S7",
        f"{_PROGRAMS}::test_nobody_says_yes_or_no_in_the_place_of_a_mentor_but_who_runs_the_program",
        "app/operations/match_requests.py",
        "    if not own_parts(found, actor):",
        "    if False:",
    ),
    Guard(
        "S7",
        f"{_PROGRAMS}::test_who_leads_somebody_asks_and_withdraws_for_them_but_for_nobody_else",
        "app/operations/match_requests.py",
        "    if not may_withdraw(found, actor):",
        "    if False:",
    ),
    Guard(
        "S7",
        f"{_PROGRAMS}::test_whom_somebody_would_like_is_told_to_who_runs_the_program_and_not_to_who_leads_them",
        "app/operations/preferences.py",
        "    if not is_theirs(actor, person_id):",
        "    if False:",
    ),
    Guard(
        "S7",
        f"{_PROGRAMS}::test_an_auditor_reads_every_run_and_changes_none",
        "app/operations/jobs_by_hand.py",
        "    if sees_the_house(actor) and not runs_the_house(actor):",
        "    if False:",
    ),
    Guard(
        "S7",
        f"{_PROGRAMS}::test_who_runs_a_program_puts_nobody_else_down_nor_does_an_integration",
        "app/operations/program_managers.py",
        "    if not decides_access(actor):",
        "    if False:",
    ),
    Guard(
        "S15",
        "tests/operations/test_append_only.py::test_what_the_audit_says_stays",
        "alembic/versions/0008_who_may_do_what_and_who_did_it.py",
        '    ("event_facts_stay", f"UPDATE OF {FACTS} ON event", ""),\n',
        "",
    ),
    Guard(
        "S15",
        "tests/operations/test_append_only.py::test_what_the_audit_says_stays",
        "alembic/versions/0008_who_may_do_what_and_who_did_it.py",
        '    ("event_stays", "DELETE ON event", f"NOT EXISTS ({GIVEN_UP})"),\n',
        "",
    ),
    Guard(
        "S15",
        "tests/operations/test_append_only.py::test_what_the_audit_says_stays",
        "alembic/versions/0008_who_may_do_what_and_who_did_it.py",
        '    ("audit_seal_stays", "DELETE ON audit_seal", ""),\n',
        "",
    ),
    Guard(
        "S15",
        "tests/rules/test_sealing.py::test_other_events_or_another_order_make_another_seal",
        "app/rules/sealing.py",
        "        digest.update(canonical(facts))",
        "        pass",
    ),
    Guard(
        "S15",
        "tests/rules/test_sealing.py::test_the_seal_before_its_number_and_its_time_are_under_a_seal_too",
        "app/rules/sealing.py",
        "hashlib.sha256(bytes.fromhex(before) + canonical([number, sealed_at]))",
        "hashlib.sha256(canonical([number, sealed_at]))",
    ),
    Guard(
        "S15",
        "tests/queries/test_audit_chain.py::test_what_was_done_to_it_is_found_and_where",
        "app/queries/audit_chain.py",
        "        _no_strangers(db)\n    except",
        "    except",
    ),
    Guard(
        "S15",
        "tests/queries/test_audit_chain.py::test_what_was_done_to_it_is_found_and_where",
        "app/queries/audit_chain.py",
        "            if number != checked.number + 1:",
        "            if False:",
    ),
    Guard(
        "S15",
        "tests/queries/test_audit_chain.py::test_what_was_done_to_it_is_found_and_where",
        "app/queries/audit_chain.py",
        "            elif any_kept or facts:",
        "            elif False:",
    ),
    Guard(
        "S15",
        "tests/queries/test_audit_chain.py::test_what_only_a_digest_kept_elsewhere_finds",
        "app/queries/audit_chain.py",
        "            _known(db, *since)",
        "            pass",
    ),
    Guard(
        "S15",
        "tests/operations/test_changes_in_the_audit.py::test_of_a_secret_the_audit_says_only_that_it_changed",
        "app/operations/changes.py",
        "    shown = sorted(new.keys() - SECRETS)",
        "    shown = sorted(new.keys())",
    ),
    Guard(
        "S15",
        "tests/routers/test_refusals_noted.py::test_an_altered_cursor_leaves_one_line_that_says_from_where_and_where_to",
        "app/routers/problems.py",
        "        if problem.noted:",
        "        if False:",
    ),
    Guard(
        "S15",
        "tests/routers/test_refusals_noted.py::test_more_than_a_minute_takes_is_counted_into_one_line",
        "app/routers/refusal_notes.py",
        "            if self._written >= LINES_PER_MINUTE:",
        "            if False:",
    ),
    Guard(
        "S15",
        "tests/routers/test_refusals_noted.py::test_a_form_of_another_site_is_noted_without_the_secret_in_its_address",
        "app/routers/refusal_notes.py",
        '    path = request.scope["route"].path',
        "    path = request.url.path",
    ),
    Guard(
        "S15",
        "tests/routers/test_private_reads.py::test_what_an_admin_reads_of_somebody_is_in_the_audit",
        "app/routers/private_reads.py",
        '        if request.method == "GET" and (actor.person_id != person_id or actor.behind):',
        "        if False:",
    ),
    Guard(
        "S15",
        "tests/routers/test_private_reads.py::test_sessions_of_others_are_noted_by_session_by_person_or_as_everybodys",
        "app/routers/private_reads.py",
        "    if _sees_others(actor):",
        "    if False:",
    ),
    Guard(
        "S15",
        "tests/routers/test_audit_api.py::test_nobody_reads_it_but_admins_and_auditors",
        "app/queries/audit.py",
        "    if not reads_the_audit(actor):",
        "    if False:",
    ),
    Guard(
        "S13",
        "tests/rules/test_csv_rows.py::test_what_a_spreadsheet_would_run_is_a_text",
        "app/rules/csv_rows.py",
        '        return "\'" + cell',
        "        return cell",
    ),
    Guard(
        "S14",
        "tests/routers/test_edges_api.py::test_300_mebibytes_are_refused_within_5_mebibytes_of_memory",
        "app/routers/edges.py",
        "SpooledTemporaryFile(max_size=MEBIBYTE)",
        "SpooledTemporaryFile()",
    ),
)
