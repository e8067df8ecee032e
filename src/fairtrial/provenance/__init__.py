"""Proof: keys, signed statements over files, and the check that anyone can make offline. Mathematics over digests.

Read `verify.py` first (`sign_directory` and `verify`), then `dsse.py` and `statements.py` (what is signed), then
`keys.py`.
"""

from fairtrial.provenance.keys import PrivateKey, PublicKey, create_key, fingerprint_of, load_key, load_public_key
from fairtrial.provenance.statements import EVALUATION, Statement
from fairtrial.provenance.verify import STATEMENT_NAME, Verdict, sign_directory, verify

__all__ = [
    "EVALUATION",
    "STATEMENT_NAME",
    "PrivateKey",
    "PublicKey",
    "Statement",
    "Verdict",
    "create_key",
    "fingerprint_of",
    "load_key",
    "load_public_key",
    "sign_directory",
    "verify",
]
