"""What axe finds on a page, under the page's own policy: it comes by the line of whoever drives the browser."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from playwright.sync_api import Page

COLOURS = ("color-contrast", "link-in-text-block")
"""Rules that a theme can break and no width can; they take most of the time."""
_DIGITS_TOO = """() => axe.configure({checks: [{id: "color-contrast", options: {
    ignoreUnicode: true, ignoreLength: true, ignorePseudo: false, boldValue: 700, boldTextPt: 14, largeTextPt: 18,
    contrastRatio: {normal: {expected: 4.5}, large: {expected: 3}}, pseudoSizeThreshold: 0.25, shadowOutlineEmMax: 0.2,
    textStrokeEmMin: 0.03}}]})"""
"""As axe ships it, but for `ignoreLength`: numbers of one digit are text, too."""
_RUN = """async ({only, but}) => {
    const options = {resultTypes: ["violations", "incomplete"], rules: {}};
    if (only.length) options.runOnly = {type: "rule", values: only};
    for (const rule of but) options.rules[rule] = {enabled: false};
    const found = await axe.run(document, options);
    const told = (kind) => found[kind].flatMap(({id, nodes}) =>
        nodes.map(({target, failureSummary}) => `${id} at ${target.join(" ")}: ${failureSummary}`));
    return [...told("violations"), ...told("incomplete").map((one) => `undecided: ${one}`)];
}"""


@cache
def _script() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def findings(page: Page, *, only: Sequence[str] = (), but: Sequence[str] = ()) -> list[str]:
    """Return what breaks a rule, and where axe can't say whether it does: by all rules, by `only` these, by all `but`
    these.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(_script())
        page.evaluate(_DIGITS_TOO)
    said: list[str] = page.evaluate(_RUN, {"only": list(only), "but": list(but)})
    return said
