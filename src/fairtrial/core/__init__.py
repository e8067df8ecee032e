"""Bedrock: the nouns, their ids, the protocols between rooms, and errors. No IO, no clock, no global randomness.

Read `flow.py` first (what a trial is made of), then `calls.py` (what one call of a model is).
"""

from fairtrial.core.calls import (
    Capabilities,
    Completion,
    Finish,
    Message,
    ModelIdentity,
    Request,
    Sampling,
    TokenChance,
    Usage,
    call_key,
)
from fairtrial.core.canonical import canonical_json, digest, from_json, seed_of, to_json
from fairtrial.core.errors import (
    BadInput,
    BudgetReached,
    FairtrialError,
    IntegrityError,
    Interrupted,
    ModelError,
    NoConclusion,
    nearest,
)
from fairtrial.core.flow import (
    Battle,
    Board,
    BoardModel,
    Contestant,
    Difference,
    Prompt,
    PromptSet,
    Report,
    Response,
    Score,
    Step,
    Vote,
    VoteStatus,
)
from fairtrial.core.history import FIRST_LINK, log_leaf, log_link
from fairtrial.core.protocols import CallMemory, Provider

__all__ = [
    "FIRST_LINK",
    "BadInput",
    "Battle",
    "Board",
    "BoardModel",
    "BudgetReached",
    "CallMemory",
    "Capabilities",
    "Completion",
    "Contestant",
    "Difference",
    "FairtrialError",
    "Finish",
    "IntegrityError",
    "Interrupted",
    "Message",
    "ModelError",
    "ModelIdentity",
    "NoConclusion",
    "Prompt",
    "PromptSet",
    "Provider",
    "Report",
    "Request",
    "Response",
    "Sampling",
    "Score",
    "Step",
    "TokenChance",
    "Usage",
    "Vote",
    "VoteStatus",
    "call_key",
    "canonical_json",
    "digest",
    "from_json",
    "log_leaf",
    "log_link",
    "nearest",
    "seed_of",
    "to_json",
]
