"""Answers against a JSON Schema. Read `json_schema` first.

The schema is the owner's and is trusted to be sensible; the answer is not, see `json_answers` and `schema_validators`.
Nothing is ever fetched.
"""

from fairtrial.core import BadInput
from fairtrial.evaluators.json_answers import find_json


def json_schema(extracted: str, reference: str) -> float:
    """1 when the answer's JSON (`find_json`) is valid against the schema in `reference`, else 0.

    The schema is read as its ``$schema`` says, else as draft 2020-12; ``format`` is an annotation and not asserted, as
    2020-12 has it by default. A string of over 5,000 characters matches no ``pattern``, and an answer that takes over
    50,000 steps is not valid.

    Raises:
        BadInput: The reference is no usable schema; see `check_schema`.
    """
    from fairtrial.evaluators.schema_validators import holds, validator

    found = find_json(extracted)
    return float(found is not None and holds(validator(reference), found[1]))


def check_schema(reference: str, *, item: str, where: str) -> None:
    """Make sure that a reference is a JSON Schema that can be used without fetching anything.

    Raises:
        BadInput: Naming the item: not JSON, not a schema, an unknown ``$schema``, one inside the schema, a pattern that
            Python cannot read, a ``$ref`` that leads out of the schema or nowhere, or back to itself without end.
    """
    from fairtrial.evaluators.schema_validators import validator

    try:
        validator(reference)
    except BadInput as error:
        raise BadInput(f"item '{item}': {error.message}", where=where, next_step=error.next_step) from None
