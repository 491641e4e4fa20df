"""The block of docs/matching.md, run as an admin would paste it."""

from tests.journeys.conftest import Shell, a_team

AT_HAND = """api() { curl -sS -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" "$@"; }
"""


def test_the_guide_simulates_drafts_explains_pins_compares_and_publishes(shell: Shell, sqlite_url: str) -> None:
    a_team(sqlite_url)

    said = "".join(shell.run("matching", of="docs/matching.md", first=AT_HAND))

    simulated, _, rest = said.partition("\n")
    assert "'added': 8" in simulated
    assert '"mentor_id"' in rest
    assert '"kept":8' in rest
    assert '"status":"published"' in rest
