"""How wide a text is, before anybody has drawn it.

Given a text and a size of letters, returns a width that the text does not exceed in the fonts that
``sans-serif`` and ``monospace`` commonly stand for (Arial, Helvetica, Liberation, DejaVu, Verdana;
Courier, Consolas, Menlo, DejaVu Mono).  Invariant: never less than the widest of them.
"""

from __future__ import annotations

import unicodedata

# Thousandths of the size of the letters, the widest of those fonts (mostly DejaVu and Verdana).
_SANS = {
    280: "'ijl",
    360: ".,|",
    430: " !ftr/\\:;IJ[]()-",
    500: '"_`',
    535: "sz?",
    560: "cL",
    600: "Fkvxy",
    640: "0123456789abdeghnopqu$*PSTY{}",
    700: "ABEKRXZVC",
    760: "HNU",
    790: "DGOQ&",
    840: "w#+<=>^~",
    1000: "mW",
    880: "M",
    1020: "@",
    1080: "%",
}
_WIDTH = {letter: width / 1000 for width, letters in _SANS.items() for letter in letters}
_OTHER = 1.0  # letters beyond ASCII: no accented, Greek or mathematical one is wider
_MONO = 0.62
_IDEOGRAPH = 1.05


def text_width(text: str, size: float, mono: bool = False) -> float:
    """Return the width of ``text`` in letters of ``size``, all in the unit of ``size``."""
    return size * sum(_letter(letter, mono) for letter in text)


def _letter(letter: str, mono: bool) -> float:
    if letter in _WIDTH:
        return _MONO if mono else _WIDTH[letter]
    if unicodedata.combining(letter):
        return 0.0
    return _IDEOGRAPH if unicodedata.east_asian_width(letter) in "WF" else _OTHER
