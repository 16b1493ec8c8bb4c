"""Sentences in other languages: spoken words of numbers and money, and the words of a model of many languages."""

import json
from pathlib import Path

import pytest

from zoo.errors import InputError
from zoo.preprocessing.sequence_to_sequence import fit_languages
from zoo.preprocessing.symbols import SymbolTokenizer
from zoo.speech import phrases
from zoo.speech.other_languages import normalize_in
from zoo.speech.pronunciation import make_pronouncer

TARGET = SymbolTokenizer.fit(["a b t s"], separator=" ")
LETTERS = "abcdefghijklmnopqrstuvwxyzäöüß"
PREPROCESSOR = fit_languages([f"<de>{LETTERS}", f"<fr>{LETTERS}'éèêç", "<th>กขค"], TARGET, 64)


def words(language, text, letters="'"):
    return [word for token in normalize_in(language, text, letters) for word in token.words]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("de", "1987", "neunzehnhundertsiebenundachtzig"),
        ("de", "1.000,5", "eintausend komma fünf"),
        ("de", "-5 %", "minus fünf prozent"),
        ("de", "3,50 €", "drei euro fünfzig cent"),
        ("de", "0,99 €", "neunundneunzig cent"),
        ("de", "$5.50", "fünf dollar fünfzig cent"),
        ("de", "007", "null null sieben"),
        ("fr", "1 000 €", "mille euros"),
        ("fr", "le 1er et le 2e", "le premier et le deuxième"),
        ("es-ES", "3º", "tercero"),
        ("it", "3,5", "tre virgola cinque"),
        ("nl", "3e", "derde"),
        ("da", "3,5", "tre komma fem"),
        ("uk", "21", "двадцять один"),
        ("sh-Latn", "5 €", "pet evra"),
        ("pt-BR", "21", "vinte e um"),
        ("tr", "3,5", "üç virgül beş"),
        ("vi-hanoi", "3,5", "ba phẩy năm"),
        ("ko", "21", "이십일"),
        ("ja-Hira", "1987", "せんきゅうひゃくはちじゅうなな"),
        ("ja-Kana", "3.5", "サン テン ゴ"),
        ("ar", "3,5", "ثلاثة فاصلة خمسة"),
        ("th", "21", "ยี่สิบเอ็ด"),
        ("fa", "۲۱", "بیست و یک"),  # digits of other scripts
        ("en-GB", "May 3rd, $5", "may third five dollars"),
    ],
)
def test_numbers_and_money(language, text, expected):
    assert " ".join(words(language, text)) == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("de", "Am 1.5.2024, 1:05 Uhr", "am erste mai zweitausendvierundzwanzig ein uhr fünf"),
        ("de", "der 3. Mai 1987", "der dritte mai neunzehnhundertsiebenundachtzig"),
        (
            "de",
            "z.B. 1.000 km bei -3 °C usw.",
            "zum beispiel eintausend kilometer bei minus drei grad celsius und so weiter",
        ),
        ("de", "1 h, 120 km/h, 3,5 kg", "eine stunde einhundertzwanzig kilometer pro stunde drei komma fünf kilogramm"),
        (
            "fr",
            "M. Gil, le 01/05/2024 à 21h30",
            "monsieur gil le premier mai deux mille vingt quatre à vingt et une heures trente",
        ),
        ("fr", "1h01, 3 h", "une heure une trois heures"),
        ("es-ES", "3/5/2024, 21:05, 1 m", "tres de mayo de dos mil veinticuatro veintiuna y cinco un metro"),
        ("it", "1/5/2024 alle 1:30", "primo maggio duemilaventiquattro alle una e trenta"),
        ("nl", "3-5-2024 om 14:00 uur, dhr. Gil", "drie mei tweeduizendvierentwintig om veertien uur de heer gil"),
        ("pt-BR", "2:00, 10 km", "duas horas dez quilômetros"),
        ("pt-PT", "10 km, p. ex.", "dez quilómetros por exemplo"),
        (
            "ca",
            "1/4/2024 a les 2:45, 1 mm",
            "primer d'abril de dos mil vint i quatre a les dues i quaranta cinc un mil·límetre",
        ),
        ("da", "f.eks. 3. maj kl. 14:30, 5 km", "for eksempel tredje maj klokken fjorten tredive fem kilometer"),
        (
            "id",
            "17/8/1945, pukul 10:05",
            "tujuh belas agustus seribu sembilan ratus empat puluh lima pukul sepuluh lewat lima",
        ),
        ("tr", "29.10.1923, 3 °C vb.", "yirmidokuz ekim bindokuzyüzyirmiüç üç santigrat derece ve benzeri"),
        ("vi-hanoi", "ngày 2/9/2024, 7h30", "ngày hai tháng chín năm hai nghìn lẻ hai mươi bốn bảy giờ ba mươi"),
        ("cs", "3. 5. a 1.5.2024", "tři pět a prvního května dva tisíce dvacet čtyři"),
        ("cs", "24. prosince v 18:02", "dvacátého čtvrtého prosince v osmnáct dvě"),
        (
            "cs",
            "1 km, 2 km, 5 km, 2 h, 3,5 kg",
            "jeden kilometr dva kilometry pět kilometrů dvě hodiny tři celá pět kilogramu",
        ),
        ("cs", "1 %, 2 %, 5%", "jedno procento dva procenta pět procent"),
        ("pl", "3.05.2024 o 9:15", "trzeciego maja dwa tysiące dwudziestego czwartego o dziewiąta piętnaście"),
        ("pl", "22 maja 1999", "dwudziestego drugiego maja tysiąc dziewięćset dziewięćdziesiąt dziewięć"),
        ("pl", "0:05, 3:00, 2:00", "zero pięć trzecia zero zero druga zero zero"),
        (
            "pl",
            "1 min, 2 min, 22 min, 12 min, 5,5 km",
            "jedna minuta dwie minuty dwadzieścia dwie minuty dwanaście minut pięć przecinek pięć kilometra",
        ),
        (
            "ro",
            "1.12.1918, ora 12:22",
            "întâi decembrie o mie nouă sute optsprezece ora douăsprezece și douăzeci și două",
        ),
        (
            "ro",
            "2 kg, 12 km, 20 km, 101 m, 1 h",
            "două kilograme doisprezece kilometri douăzeci de kilometri o sută unu metri o oră",
        ),
        (
            "uk",
            "3 травня і 24.08.1991",
            "третього травня і двадцять четвертого серпня одна тисяча дев'ятсот дев'яносто першого",
        ),
        ("uk", "о 14:30, 3:00", "о чотирнадцята тридцять третя година"),
        (
            "uk",
            "21 км, 1 хв, 22 хв, 11 м",
            "двадцять один кілометр одна хвилина двадцять дві хвилини одинадцять метрів",
        ),
        (
            "be",
            "3 мая і 24.08.1990, г. зн. 1.01.2000",
            "трэцяга мая і дваццаць чацвёртага жніўня адна тысяча дзевяцьсот дзевяностага гэта значыць "
            "першага студзеня двухтысячнага",
        ),
        ("be", "12.10.2018", "дванаццатага кастрычніка дзве тысячы васямнаццатага"),
        (
            "be",
            "а 14:30, 3:00, 21:02",
            "а чатырнаццаць гадзін трыццаць хвілін тры гадзіны дваццаць адна гадзіна дзве хвіліны",
        ),
        (
            "be",
            "1 км, 2 кг, 12 м, 22 хв, 3,5 л",
            "адзін кіламетр два кілаграмы дванаццаць метраў дваццаць дзве хвіліны тры коска пяць літра",
        ),
        ("be", "21 %, 4%, 2 €", "дваццаць адзін працэнт чатыры працэнты два еўра"),
        ("be", "1 г, 2 кг. у 2024 г.", "адзін грам два кілаграмы у дзве тысячы дваццаць чатыры г"),
        (
            "sh-Latn",
            "3. maja, 21.02.1999. i 1.1.2000.",
            "trećeg maja dvadeset prvog februara jedna hiljada devetsto devedeset devete i prvog januara dvehiljadite",
        ),
        ("sh-Latn", "4.6.2024.", "četvrtog juna dve hiljade dvadeset četvrte"),
        (
            "sh-Latn",
            "u 14:30 h, 14:00h, 1:00, 22:02",
            "u četrnaest sati i trideset minuta četrnaest sati jedan sat dvadeset dva sata i dva minuta",
        ),
        (
            "sh-Latn",
            "21 km, 2 l, 12 l, 2,5 m, 3,1 kg, 4,2 cm",
            "dvadeset jedan kilometar dva litra dvanaest litara dva zapeta pet metara tri zapeta jedan kilogram "
            "četiri zapeta dva centimetra",
        ),
        ("sh-Latn", "1 %, 3 %, 5%, -2 °C", "jedan procenat tri procenta pet procenata minus dva stepena celzijusa"),
        ("sh-Latn", "dr Ilić i dr., npr. prof. Marić", "doktor ilić i drugi na primer profesor marić"),
        ("eo", "5 km", "kvin km"),
    ],
)
def test_dates_times_units_and_abbreviations(language, text, expected):
    assert " ".join(words(language, text)) == expected


def test_what_only_looks_like_a_date_a_time_or_a_unit():
    texts = [token.text for token in normalize_in("de", "1.2.3 32.13.2024 14:30:15 25:10 3:2 5 g/l 5 Meter", "")]
    assert "".join(texts) == "1.2.332.13.202414:30:1525:103:25g/l5Meter"
    assert all(text.isalnum() or len(text) == 1 for text in texts)


def test_every_language_with_phrases_has_all_of_them():
    tables = json.loads((Path(phrases.__file__).parent / "phrases.json").read_text("utf-8"))
    assert " ".join(sorted(tables)) == "be ca cs da de es fr id it nl pl pt pt-BR ro sh-Latn tr uk vi"
    for language, table in tables.items():
        assert len(table["months"]) == len(set(table["months"])) == 12
        assert len(table["units"].keys() - {"%"}) == 12 and len(table.get("days", range(31))) == 31
        forms = len(table.get("numbers", ["one", "several"]))
        assert all(len(names) == forms for names in table["units"].values())
        for unit, names in table["units"].items():
            for n in (0, 1, 2, 5, 11, 12, 20, 21, 22, 100, "2,5"):
                assert " ".join(words(language, f"{n} {unit}")).endswith(tuple(n.lower() for n in names))
        for hour in range(25):
            for minute in (0, 1, 22, 59):
                spoken = words(language, f"{hour}:{minute:02}")
                assert spoken and all(word.replace("'", "").isalpha() for word in spoken), (language, hour, minute)
        for short, expected in table["abbreviations"].items():
            assert words(language, f"a {short} b") == ["a", *expected.replace("-", " ").split(), "b"]


def test_a_number_without_words_keeps_its_digits():
    assert words("hy", "21 խնձոր") == ["21", "խնձոր"]
    assert words("enm", "21") == ["21"]  # Middle English is not read as English
    assert words("is", "3 €") == ["þrír"]  # the library lacks the forms of the currency's name


def test_punctuation_hyphens_and_apostrophes():
    tokens = normalize_in("fr", "Est-ce l’homme ?", "'")
    assert [(token.text, token.words) for token in tokens] == [
        ("Est-ce", ("est", "ce")),
        ("l'homme", ("l'homme",)),
        ("?", ()),
    ]
    assert words("de", "Hans' Hund – ja", "") == ["hans", "hund", "ja"]
    assert words("tr", "ILGIN İYİ") == ["ılgın", "iyi"]
    assert normalize_in("de", "  ", "") == []


def answer(asked):
    assert all(word.startswith("<de>") for word in asked)
    return ["t a"] * len(asked)


def test_every_word_is_predicted_in_its_language_and_once():
    pronouncer = make_pronouncer(answer, PREPROCESSOR.with_language("de"), {"Zoo": "t s"})
    rows = pronouncer("Der Zoo [hat](/a b/) 2 Я.")
    assert [(row.text, row.word, row.phones, row.source) for row in rows] == [
        ("Der", "der", "t a", "model"),
        ("Zoo", "zoo", "t s", "lexicon"),
        ("hat", "hat", "a b", "text"),
        ("2", "zwei", "t a", "model"),
        ("Я", "я", "", "unknown"),
        (".", "", "", "punctuation"),
    ]
    assert sorted(pronouncer.predictions) == ["der", "zwei", "я"]


def test_what_does_not_fit_is_one_clear_line():
    with pytest.raises(InputError, match="name one with --language"):
        make_pronouncer(answer, PREPROCESSOR)
    german = PREPROCESSOR.with_language("de")
    with pytest.raises(InputError, match="this model writes IPA"):
        make_pronouncer(answer, german, alphabet="arpabet")
    with pytest.raises(InputError, match="'q' is not a phone of this model"):
        make_pronouncer(answer, german, {"zoo": "q"})
    assert make_pronouncer(answer, german, alphabet="ipa")("Zoo")[0].phones == "t a"
