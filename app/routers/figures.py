"""Leave figures about people out of answers where a house has switched them off: on every route that could tell any."""

from collections.abc import Callable
from functools import partial, wraps
from inspect import iscoroutinefunction, signature
from typing import Any

from app.db import transaction
from app.queries.house_rules import house_rules
from app.rules.access import may_see_figures
from app.schemas.figures import tells_figures, without_figures


def discreet(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return the endpoint, whose answer shows figures to their own person alone where they are switched off. One that
    declares none is returned as it is.
    """
    if iscoroutinefunction(call) or not tells_figures(signature(call).return_annotation):
        return call

    @wraps(call)
    def answered(*args: Any, **given: Any) -> Any:
        answer = call(*args, **given)
        if _shown(given):
            return answer
        return without_figures(answer, theirs=partial(may_see_figures, given["actor"], allowed=False))

    return answered


def _shown(given: dict[str, Any]) -> bool:
    """Whether figures are on. One statement, in the transaction of the route if it has one."""
    if "db" in given:
        return bool(house_rules(given["db"]).person_insights)
    with transaction(given["the"].engine, writes=False) as reading:
        return bool(house_rules(reading).person_insights)
