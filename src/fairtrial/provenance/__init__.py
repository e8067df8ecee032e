"""Proof: keys, signed statements over files, and the check that anyone can make offline. Mathematics over digests.

Read `verify.py` first (`sign_directory` and `verify`), then `dsse.py` and `statements.py` (what is signed), then
`keys.py`.
"""

from fairtrial.provenance.keys import PublicKey, SigningKey, fingerprint_of, public_path
from fairtrial.provenance.statements import CARD, EVALUATION, Statement
from fairtrial.provenance.verify import STATEMENT_NAME, Verdict, sign_directory, statement_type, verify

__all__ = [
    "CARD",
    "EVALUATION",
    "STATEMENT_NAME",
    "PublicKey",
    "SigningKey",
    "Statement",
    "Verdict",
    "fingerprint_of",
    "public_path",
    "sign_directory",
    "statement_type",
    "verify",
]
