"""The README's commands, run as a newcomer would paste them."""

from tests.journeys.conftest import Shell, a_team


def test_the_ten_curl_lines_do_what_they_say(shell: Shell) -> None:
    taken, moved, session, feed, released, listed = shell.run("ten lines")

    assert '"seats_taken":1' in taken
    assert "T13:00:00Z" in moved
    assert "T13:00:00Z" in session
    assert "/feeds/" in feed
    assert '"status":"released"' in released
    assert '"seats_taken":0' in listed


def test_the_ten_curl_lines_can_be_pasted_again(shell: Shell) -> None:
    shell.run("ten lines")

    taken, _, session, feed, released, listed = shell.run("ten lines")

    assert '"seats_taken":1' in taken
    assert "T13:00:00Z" in session
    assert '"code":"feed_exists"' in feed
    assert '"status":"released"' in released
    assert '"seats_taken":0' in listed


def test_a_team_of_ones_own_goes_from_two_files_to_a_feed(shell: Shell, sqlite_url: str) -> None:
    a_team(sqlite_url)

    said = "".join(shell.run("own team"))

    assert '"status":"published","objective":"util"' in said, said
    assert '"matched": 8' in said
    assert '"gap_percent": 0.0' in said
    assert "/feeds/" in said[-200:]
