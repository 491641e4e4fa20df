"""`./dev pictures`."""

from pathlib import Path

import pytest

from tests.browser.pictures import main
from tests.web.pages_of_the_house import PAGES


def test_a_page_is_three_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "there"), "--only", "privacy"]) == 0

    pictures = {path.name: path.read_bytes() for path in (tmp_path / "there").iterdir()}
    assert sorted(pictures) == ["privacy-dark.png", "privacy-light.png", "privacy-phone.png"]
    assert len(set(pictures.values())) == 3
    assert capsys.readouterr().out == f"3 pictures in {tmp_path / 'there'}\n"


def test_the_readme_shows_some_pages_and_not_all() -> None:
    assert 0 < len([one for one in PAGES if one.in_readme]) < 10
