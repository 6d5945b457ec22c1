"""Encodings: texts that were not UTF-8 where they came from, as UTF-8.

Only the character sets of the table are decoded. Python knows more codecs by name; some are no character sets, and
some take time that grows with the square of the text.
"""

from encodings.aliases import aliases

UTF_8 = "utf_8"
CODECS = frozenset({
    "ascii", "big5", "big5hkscs", "cp037", "cp273", "cp424", "cp437", "cp500", "cp720", "cp737", "cp775", "cp850",
    "cp852", "cp855", "cp856", "cp857", "cp858", "cp860", "cp861", "cp862", "cp863", "cp864", "cp865", "cp866",
    "cp869", "cp874", "cp875", "cp932", "cp949", "cp950", "cp1006", "cp1026", "cp1125", "cp1140", "cp1250",
    "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "euc_jis_2004", "euc_jisx0213",
    "euc_jp", "euc_kr", "gb18030", "gb2312", "gbk", "hp_roman8", "hz", "iso2022_jp", "iso2022_jp_1", "iso2022_jp_2",
    "iso2022_jp_2004", "iso2022_jp_3", "iso2022_jp_ext", "iso2022_kr", "iso8859_1", "iso8859_2", "iso8859_3",
    "iso8859_4", "iso8859_5", "iso8859_6", "iso8859_7", "iso8859_8", "iso8859_9", "iso8859_10", "iso8859_11",
    "iso8859_13", "iso8859_14", "iso8859_15", "iso8859_16", "johab", "koi8_r", "koi8_t", "koi8_u", "kz1048",
    "latin_1", "mac_croatian", "mac_cyrillic", "mac_greek", "mac_iceland", "mac_latin2", "mac_roman",
    "mac_romanian", "mac_turkish", "ptcp154", "shift_jis", "shift_jis_2004", "shift_jisx0213", "tis_620", "utf_16",
    "utf_16_be", "utf_16_le", "utf_32", "utf_32_be", "utf_32_le", "utf_8",
})  # fmt: skip


def _plain(name: str) -> str:
    """Letters and digits alone, in lower case: ISO-8859-1, iso_8859_1 and iso8859-1 are one name."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


_BY_NAME = {_plain(alias): codec for alias, codec in aliases.items() if codec in CODECS} | {
    _plain(codec): codec for codec in CODECS
}
_BY_NAME["utf8sig"] = UTF_8


def codec_named(name: str | None) -> str | None:
    """The codec of an encoding as datasets write its name; None for an unknown one. Without a name it is UTF-8."""
    return _BY_NAME.get(_plain(name)) if name else UTF_8


def as_utf_8(text: bytes, codec: str) -> bytes | None:
    """`text` of that codec as UTF-8; None where it is none.

    What is UTF-8 beyond ASCII stays as it is, whatever is declared: The Stack v2 has tried UTF-8 first and guessed
    only then, and a text of another encoding all but never reads as UTF-8.
    """
    if text.isascii() and codec == UTF_8:
        return text
    if not text.isascii() and _is_utf_8(text):
        return text
    try:
        return text.decode(codec).encode()
    except UnicodeError:
        return None


def _is_utf_8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
