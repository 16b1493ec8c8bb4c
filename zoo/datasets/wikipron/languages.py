"""Languages of the dataset ``wikipron``, by code (BCP 47, with place names for accents that have no code)."""

LANGUAGES = {
    "ang": ("Old English", "ang_latn_broad"),
    "ar": ("Arabic", "ara_arab_broad"),
    "be": ("Belarusian", "bel_cyrl_narrow"),
    "bg": ("Bulgarian", "bul_cyrl_narrow"),
    "bn": ("Bengali, Dhaka", "ben_beng_dhaka_broad"),
    "ca": ("Catalan", "cat_latn_narrow"),
    "cs": ("Czech", "ces_latn_narrow"),
    "cy": ("Welsh, South Wales", "cym_latn_sw_broad_filtered"),
    "da": ("Danish", "dan_latn_narrow"),
    "de": ("German", "deu_latn_broad_filtered"),
    "el": ("Greek", "ell_grek_broad_filtered"),
    "en-GB": ("English, Received Pronunciation", "eng_latn_uk_broad_filtered"),
    "en-US": ("English, General American", "eng_latn_us_broad_filtered"),
    "enm": ("Middle English", "enm_latn_broad"),
    "eo": ("Esperanto", "epo_latn_narrow"),
    "es-419": ("Spanish, Latin America", "spa_latn_la_broad_filtered"),
    "es-ES": ("Spanish, Castilian", "spa_latn_ca_broad_filtered"),
    "eu": ("Basque", "eus_latn_broad"),
    "fa": ("Persian", "fas_arab_narrow"),
    "fr": ("French", "fra_latn_broad_filtered"),
    "ga": ("Irish", "gle_latn_broad"),
    "hy": ("Armenian, Eastern", "hye_armn_e_broad"),
    "id": ("Indonesian", "ind_latn_narrow"),
    "io": ("Ido", "ido_latn_broad"),
    "is": ("Icelandic", "isl_latn_broad_filtered"),
    "it": ("Italian", "ita_latn_broad_filtered"),
    "izh": ("Ingrian", "izh_latn_broad"),
    "ja-Hira": ("Japanese, hiragana", "jpn_hira_narrow_filtered"),
    "ja-Kana": ("Japanese, katakana", "jpn_kana_narrow_filtered"),
    "ka": ("Georgian", "kat_geor_broad_filtered"),
    "km": ("Khmer", "khm_khmr_broad_filtered"),
    "ko": ("Korean", "kor_hang_narrow"),
    "la": ("Latin, classical", "lat_latn_clas_broad_filtered"),
    "mk": ("Macedonian", "mkd_cyrl_narrow"),
    "ml": ("Malayalam", "mal_mlym_broad"),
    "mt": ("Maltese", "mlt_latn_broad_filtered"),
    "my": ("Burmese", "mya_mymr_broad_filtered"),
    "nl": ("Dutch", "nld_latn_broad_filtered"),
    "pl": ("Polish", "pol_latn_broad"),
    "pt-BR": ("Portuguese, Brazil", "por_latn_bz_narrow"),
    "pt-PT": ("Portuguese, Portugal", "por_latn_po_broad"),
    "ro": ("Romanian", "ron_latn_broad"),
    "sa": ("Sanskrit", "san_deva_broad"),
    "sh-Cyrl": ("Serbo-Croatian, Cyrillic", "hbs_cyrl_broad_filtered"),
    "sh-Latn": ("Serbo-Croatian, Latin", "hbs_latn_broad_filtered"),
    "syc": ("Classical Syriac", "syc_syrc_narrow"),
    "ta": ("Tamil", "tam_taml_broad"),
    "th": ("Thai", "tha_thai_broad"),
    "tl": ("Tagalog", "tgl_latn_broad"),
    "tr": ("Turkish", "tur_latn_broad"),
    "uk": ("Ukrainian", "ukr_cyrl_narrow"),
    "vi-hanoi": ("Vietnamese, Hanoi", "vie_latn_hanoi_narrow_filtered"),
    "vi-hue": ("Vietnamese, Hue", "vie_latn_hue_narrow_filtered"),
    "vi-saigon": ("Vietnamese, Saigon", "vie_latn_saigon_narrow_filtered"),
}
"""Name and file of each language, by code."""

SIGMORPHON_2021 = {
    "eng_us": ("high", "en-US"),
    "arm_e": ("medium", "hy"),
    "bul": ("medium", "bg"),
    "dut": ("medium", "nl"),
    "fre": ("medium", "fr"),
    "geo": ("medium", "ka"),
    "hbs_latn": ("medium", "sh-Latn"),
    "jpn_hira": ("medium", "ja-Hira"),
    "kor": ("medium", "ko"),
    "vie_hanoi": ("medium", "vi-hanoi"),
    "ady": ("low", "ady"),
    "gre": ("low", "el"),
    "ice": ("low", "is"),
    "ita": ("low", "it"),
    "khm": ("low", "km"),
    "lav": ("low", "lv"),
    "mlt_latn": ("low", "mt"),
    "rum": ("low", "ro"),
    "wel_sw": ("low", "cy"),
}
"""Level and code of each language of SIGMORPHON 2021, task 1, by its name there. Hungarian and Slovene are left out."""


def language_name(code: str) -> str:
    """Returns the English name of a language code; the code itself if it is not in ``LANGUAGES``.

    Example:
        >>> language_name("pt-BR")
        'Portuguese, Brazil'
    """
    return LANGUAGES[code][0] if code in LANGUAGES else code
