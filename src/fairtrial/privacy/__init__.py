"""Personal data: found before it is published, and raters published only in crowds.

Read `screening.py` first (what is found in text), then `crowds.py` (bands of raters), `bands.py` and `pseudonyms.py`.
"""

from fairtrial.privacy.bands import BANDS, check_profile
from fairtrial.privacy.crowds import OTHER, Crowd, suppress
from fairtrial.privacy.pseudonyms import Pseudonyms, new_key
from fairtrial.privacy.screening import Finding, masked, screen

__all__ = [
    "BANDS",
    "OTHER",
    "Crowd",
    "Finding",
    "Pseudonyms",
    "check_profile",
    "masked",
    "new_key",
    "screen",
    "suppress",
]
