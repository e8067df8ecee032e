"""A judge that says again what was written down."""

from collections.abc import Iterable

from fairtrial.evaluators.readings import Case, Reading
from fairtrial.training.sampling import Judgment


class Recorded:
    """A reader of written judgments, by battle, order and sample; one that is missing is invalid.

    Args:
        judgments: Of pairs whose key is known.
    """

    name = "recorded"
    id = "recorded"
    template = ""

    def __init__(self, judgments: Iterable[Judgment]) -> None:
        self._known = {(one.pair, one.order, one.sample): one for one in judgments}

    async def read(self, case: Case) -> Reading:
        """What was said of this showing."""
        one = self._known.get((case.prompt.key, case.order, case.repeat))
        return Reading(verdict=one.verdict if one else "invalid")
