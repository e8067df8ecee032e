"""What a rater may tell about themselves: closed lists of bands, nothing finer. Read `check_profile` first.

The values are keys of the catalogues; pages show their words in English and Korean.
"""

from collections.abc import Mapping

from fairtrial.core import BadInput, nearest

AGES = ("10s", "20s", "30s", "40s", "50s", "60s", "70s", "80+")
REGIONS = (  # subregions of UN M49, with the Republic of Korea on its own and the small ones of Oceania together
    "korea",
    "eastern-asia",
    "south-eastern-asia",
    "southern-asia",
    "central-asia",
    "western-asia",
    "northern-africa",
    "sub-saharan-africa",
    "northern-america",
    "latin-america-caribbean",
    "northern-europe",
    "western-europe",
    "eastern-europe",
    "southern-europe",
    "oceania",
)
_LANGUAGES = (  # the two-letter primary subtags of BCP 47 (ISO 639-1)
    "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el "
    "en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it "
    "iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt "
    "my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl "
    "sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo "
    "za zh zu"
)
LANGUAGES = tuple(_LANGUAGES.split())
EXPERTISE = ("none", "student", "practitioner", "expert")
"""In the field of the rating task."""

BANDS: Mapping[str, tuple[str, ...]] = {
    "age": AGES,
    "region": REGIONS,
    "language": LANGUAGES,
    "expertise": EXPERTISE,
}
"""The columns of a profile and what may stand in them, besides ``""`` for 'not said'."""


def check_profile(profile: Mapping[str, str]) -> dict[str, str]:
    """`profile` with every column of `BANDS`, in their order; ``""`` where the rater did not say.

    Raises:
        BadInput: A column or a band that is not in the lists, so that nothing finer can slip in.
    """
    for column, band in profile.items():
        if column not in BANDS:
            raise BadInput(f"a profile has no '{column}'.", where="profile", next_step=nearest(column, BANDS))
        if band and band not in BANDS[column]:
            raise BadInput(f"'{band}' is not one of the bands.", where=column, next_step=nearest(band, BANDS[column]))
    return {column: profile.get(column, "") for column in BANDS}
