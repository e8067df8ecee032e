"""Check digits of cards, bank accounts and Korean numbers: whether bare digits fit. Read `luhn` first.

Sources: ISO/IEC 7812-1 (Luhn), ISO 13616 with the IBAN registry (lengths, mod 97), the Korean resident registration
act's table of weights, and the National Tax Service's rule for business numbers.
"""

from datetime import date

_DOUBLED = str.maketrans("0123456789", "0246813579")
_LENGTHS = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 "
    "ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 "
    "LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 "
    "PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 "
    "YE30"
)
IBAN_LENGTHS = {code[:2]: int(code[2:]) for code in _LENGTHS.split()}
_LATEST_BIRTH = 2050


def luhn(digits: str) -> bool:
    """Whether a card number's last digit fits the others."""
    return (sum(map(int, digits[-1::-2])) + sum(map(int, digits[-2::-2].translate(_DOUBLED)))) % 10 == 0


def iban(account: str) -> bool:
    """Whether capitals and digits are an IBAN: the country's length, and remainder 1 modulo 97."""
    if len(account) != IBAN_LENGTHS.get(account[:2]):
        return False
    return int("".join(str(int(c, 36)) for c in account[4:] + account[:4])) % 97 == 1


def resident_birth(digits: str) -> bool:
    """Whether the first seven digits of a Korean resident or foreigner number are a birth date with its century.

    1, 2 (5, 6 for foreigners) stand for the 1900s, 3, 4 (7, 8) for the 2000s.
    """
    century = {"1": 1900, "2": 1900, "5": 1900, "6": 1900, "3": 2000, "4": 2000, "7": 2000, "8": 2000}.get(digits[6])
    if century is None:
        return False
    year = century + int(digits[:2])
    try:
        date(year, int(digits[2:4]), int(digits[4:6]))
    except ValueError:
        return False
    return year <= _LATEST_BIRTH


def resident_number(digits: str) -> bool:
    """Whether the last of 13 digits fits.

    Numbers issued since October 2020 end in random digits: False proves nothing.
    """
    total = sum(int(d) * w for d, w in zip(digits, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5), strict=False))
    shift = 2 if digits[6] in "5678" else 0  # foreigners
    return ((11 - total % 11) % 10 + shift) % 10 == int(digits[12])


def business_number(digits: str) -> bool:
    """Whether the last of a Korean business's ten digits fits the others."""
    total = sum(int(d) * w for d, w in zip(digits, (1, 3, 7, 1, 3, 7, 1, 3, 5), strict=False))
    total += int(digits[8]) * 5 // 10
    return (10 - total % 10) % 10 == int(digits[9])
