"""Letters that look alike become one plain letter. Read `fold` first; `plain` is one character's share of it.

The table of confusables is our own and compact: what can be taken for a Latin letter in Greek, Cyrillic, Armenian,
Cherokee, Lisu and phonetic script. Full-width, mathematical, circled and squared letters follow from Unicode.
"""

import unicodedata
from functools import lru_cache

# Each pair of strings: characters, and the Latin letter each of them is taken for, place by place.
_PAIRS = (
    # Cyrillic, Greek (capitals whose small letter looks different stand here as capitals)
    ("абвгеєкмнопрстухіїјѕһԁԛԝьӏүԍѵ", "abbreekmhonpctyxiijshdqwblygv"),
    ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαβγεηικμνορςτυχωϲϳ", "abezhikmnoptyxabyenikmvopctuxwcj"),
    # Armenian, Cherokee, Lisu
    ("ոօսհցզլյՏԼՍՕ", "nouhgqljsluo"),
    ("ᎪᏴᏟᎠᎬᎢᎻᎫᏦᏞᎷᏢᏚᏩᏙᎳᏃᏀ", "abcdethjklmpsgvwzg"),
    ("ꓐꓑꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ", "bpdtgkjczfmnlsrvhwxyaeiou"),
    # Latin letters of phonetic script and with strokes, which do not decompose
    ("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz"),
    ("ɑɡıɩłøđħʋƅƙɗɓɠƭȷɫ", "agiilodhvbkdbgtjl"),
    # Letters that pass for an apostrophe
    ("ʼʹʻʽˈ", "'''''"),
)
_LOOKS_LIKE = {look: letter for looks, letters in _PAIRS for look, letter in zip(looks, letters, strict=True)}
# Letters in circles and squares and the letters of flags, in the order of the alphabet.
_ALPHABETS = (0x1F110, 0x1F130, 0x1F150, 0x1F170, 0x1F1E6)


@lru_cache(maxsize=1 << 16)
def plain(character: str) -> str:
    """`character` in small plain letters: compatibility forms undone, marks dropped, look-alikes made Latin.

    Returns:
        A Latin letter or digit where it passes for one, otherwise its own small form; empty for a combining mark.
    """
    code = ord(character)
    for start in _ALPHABETS:
        if start <= code < start + 26:
            return chr(ord("a") + code - start)
    if 0xAC00 <= code <= 0xD7A3:
        return character
    letters = (c for c in unicodedata.normalize("NFKD", character) if not unicodedata.category(c).startswith("M"))
    return "".join(_LOOKS_LIKE.get(c) or _LOOKS_LIKE.get(c.casefold()) or c.casefold() for c in letters)


def fold(text: str) -> str:
    """`text` with `plain` of each character."""
    return text.lower() if text.isascii() else "".join(map(plain, text))


def look_alike(character: str) -> str:
    """The Latin letter that a letter of another script passes for, in its case; empty for any other character."""
    if character.isascii() or not {character, character.casefold()} & _LOOKS_LIKE.keys():
        return ""
    code = ord(character)
    if not (0x370 <= code <= 0x58F or 0x13A0 <= code <= 0x13FF or 0xA4D0 <= code <= 0xA4FF):
        return ""
    letter = plain(character)
    return letter.upper() if character.isupper() or code >= 0xA4D0 else letter
