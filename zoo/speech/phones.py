"""English phones in ARPAbet, as in CMUdict, and in the International Phonetic Alphabet."""

from zoo.errors import InputError

VOWELS = {
    "AA": "ɑ",
    "AE": "æ",
    "AH": "ʌ",
    "AO": "ɔ",
    "AW": "aʊ",
    "AY": "aɪ",
    "EH": "ɛ",
    "ER": "ɝ",
    "EY": "eɪ",
    "IH": "ɪ",
    "IY": "i",
    "OW": "oʊ",
    "OY": "ɔɪ",
    "UH": "ʊ",
    "UW": "u",
}
UNSTRESSED = {"AH": "ə", "ER": "ɚ"}
CONSONANTS = {
    "B": "b",
    "CH": "tʃ",
    "D": "d",
    "DH": "ð",
    "F": "f",
    "G": "ɡ",
    "HH": "h",
    "JH": "dʒ",
    "K": "k",
    "L": "l",
    "M": "m",
    "N": "n",
    "NG": "ŋ",
    "P": "p",
    "R": "ɹ",
    "S": "s",
    "SH": "ʃ",
    "T": "t",
    "TH": "θ",
    "V": "v",
    "W": "w",
    "Y": "j",
    "Z": "z",
    "ZH": "ʒ",
}
ARPABET = frozenset(CONSONANTS) | {f"{vowel}{stress}" for vowel in VOWELS for stress in ("", "0", "1", "2")}
STRESS = {"1": "ˈ", "2": "ˌ"}

# Consonant clusters that can begin an English syllable; every single consonant can, except NG.
_ONSETS = {
    *(f"{first} {second}" for first in ["P", "B", "T", "D", "K", "G", "F", "TH"] for second in ["R", "L", "W", "Y"]),
    *(f"S {second}" for second in ["P", "T", "K", "M", "N", "F", "L", "W"]),
    *(f"{first} Y" for first in ["M", "N", "V", "HH", "L", "S"]),
    "SH R",
    "S P R",
    "S P L",
    "S T R",
    "S K R",
    "S K W",
    "S P Y",
    "S T Y",
    "S K Y",
} - {"T L", "D L", "TH L", "P W", "B W", "F W"}


def to_ipa(phones: str) -> str:
    """Returns ARPAbet phones in the International Phonetic Alphabet, with stress marks before syllables.

    A syllable begins with as many consonants as can begin an English word.

    Args:
        phones: ARPAbet phones between spaces; vowels may have stress digits (0, 1, 2).

    Raises:
        InputError: A phone is not ARPAbet.

    Example:
        >>> to_ipa("D AA1 K T ER0"), to_ipa("IH0 K S T R IY1 M")
        ('ˈdɑktɚ', 'ɪkˈstɹim')
    """
    parts: list[str] = []
    onset: list[str] = []  # consonants since the last vowel
    for phone in phones.split():
        base, stress = phone.rstrip("012"), phone[-1] if phone[-1] in "012" else ""
        if base in CONSONANTS and not stress:
            onset.append(base)
        elif base in VOWELS:
            cut = _coda(onset) if parts else 0  # a word begins with all of its first consonants
            parts += [CONSONANTS[c] for c in onset[:cut]]
            parts.append(STRESS.get(stress, ""))
            parts += [CONSONANTS[c] for c in onset[cut:]]
            parts.append(UNSTRESSED.get(base, VOWELS[base]) if stress == "0" else VOWELS[base])
            onset = []
        else:
            raise InputError(f"{phone!r} is not an ARPAbet phone: give one of {' '.join([*VOWELS, *CONSONANTS])}")
    return "".join([*parts, *(CONSONANTS[c] for c in onset)])


def _coda(consonants: list[str]) -> int:
    """Returns how many consonants between two vowels belong to the first syllable."""
    for cut in range(len(consonants)):
        rest = consonants[cut:]
        if " ".join(rest) in _ONSETS or (len(rest) == 1 and rest[0] != "NG"):
            return cut
    return len(consonants)
