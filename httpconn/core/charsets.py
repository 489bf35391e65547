"""A table from charset labels to Python's codecs.

Labels have the meaning that browsers give them (WHATWG Encoding Standard, section 4.2). Python's own names of other
text codecs are also known. Any other name is unknown, even if Python has a codec of that name.
"""

import codecs
from encodings.aliases import aliases
from functools import cache

from .regexes import regex

REPLACEMENT = "replacement"
"""The encoding of labels that could hide markup (WHATWG Encoding Standard, section 14.1). It decodes no byte."""

_DOS = (437, 720, 737, 775, 850, 852, 855, 857, 858, 860, 861, 862, 863, 864, 865, 866, 869)
_WINDOWS = (874, 932, 949, 950, *range(1250, 1259))

# Python's codecs that decode bytes to text. Codecs that decompress or unescape are excluded, and so is UTF-7, which can
# hide markup.
_TEXT_CODECS = frozenset(
    {"ascii", "utf_8", "utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le", "utf_32_be"}
    | {"latin_1", *(f"iso8859_{part}" for part in (*range(2, 12), *range(13, 17)))}
    | {f"cp{page}" for page in (*_DOS, *_WINDOWS)}
    | {"koi8_r", "koi8_u", "koi8_t", "kz1048", "ptcp154", "tis_620"}
    | {"mac_roman", "mac_latin2", "mac_cyrillic", "mac_greek", "mac_turkish", "mac_iceland", "mac_croatian"}
    | {"shift_jis", "shift_jis_2004", "shift_jisx0213", "euc_jp", "euc_jis_2004", "euc_jisx0213"}
    | {"iso2022_jp", "iso2022_jp_1", "iso2022_jp_2", "iso2022_jp_2004", "iso2022_jp_3", "iso2022_jp_ext"}
    | {"euc_kr", "johab", "gb2312", "gbk", "gb18030", "big5", "big5hkscs"}
)

# The codecs that browsers use in place of others. Most of them are supersets that servers send under the other name.
_AS_BROWSERS_DO = {
    "ascii": "cp1252",
    "latin_1": "cp1252",
    "iso8859_9": "cp1254",
    "iso8859_11": "cp874",
    "tis_620": "cp874",
    "shift_jis": "cp932",
    "iso2022_jp": "iso2022_jp_ext",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "utf_16": "utf_16_le",
    "utf_32": "utf_32_le",
}

# Labels of the standard that Python does not know, as _key gives them. HTML reads x-user-defined as windows-1252.
_FURTHER_LABELS = {
    "utf_8": "unicode11utf8 unicode20utf8 xunicode20utf8",
    "utf_16_le": "csunicode iso10646ucs2 ucs2 unicode unicodefeff",
    "utf_16_be": "unicodefffe",
    "iso8859_6": "csiso88596e csiso88596i iso88596e iso88596i",
    "iso8859_7": "suneugreek",
    "iso8859_8": "csiso88598e csiso88598i iso88598e iso88598i logical visual",
    "iso8859_15": "csisolatin9",
    "koi8_r": "koi koi8",
    "koi8_u": "koi8ru",
    "cp874": "dos874 windows874",
    **{f"cp{page}": f"xcp{page}" for page in range(1250, 1259)},
    "cp1252": "xcp1252 xuserdefined",
    "mac_roman": "csmacintosh mac xmacroman",
    "mac_cyrillic": "xmaccyrillic xmacukrainian",
    "cp932": "windows31j xsjis",
    "euc_jp": "cseucpkdfmtjapanese xeucjp",
    "cp949": "cseuckr csksc56011987 isoir149 ksc56011989 windows949",
    "gb18030": "csgb2312 xgbk",
    "big5hkscs": "cnbig5 xxbig5",
    REPLACEMENT: "csiso2022kr hz hzgb hzgb2312 iso2022cn iso2022cnext iso2022kr replacement",
}

_SEPARATORS = regex(r"[-_:. ]")
_LONGEST_LABEL = 40


def codec_of(label: str) -> str | None:
    """Return the name of the codec for a label, :data:`REPLACEMENT`, or None for a label that is not known."""
    if len(label) > _LONGEST_LABEL:
        return None
    codec = _codecs().get(_key(label.lower()))
    return codec if codec in (None, REPLACEMENT) else codecs.lookup(codec).name


def _key(label: str) -> str:
    return _SEPARATORS.sub("", label)


@cache
def _codecs() -> dict[str, str]:
    """Return the codecs by label. A lookup by ``codecs`` would import and cache any name that a server sends."""
    own = {alias: codec for alias, codec in aliases.items() if codec in _TEXT_CODECS}
    own.update((codec, codec) for codec in _TEXT_CODECS)
    known = {_key(alias): _AS_BROWSERS_DO.get(codec, codec) for alias, codec in own.items()}
    known.update((label, codec) for codec, labels in _FURTHER_LABELS.items() for label in labels.split())
    return known
