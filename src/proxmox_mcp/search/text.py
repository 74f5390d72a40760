"""The words of a text: folded, split, and reduced to stems, in the same way for endpoints and for questions."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

STOP_WORDS = frozenset(
    """
    a about actually after again all also am an and another any api are as at be because been before being but by can
    cannot cant could did do does doesnt doing done dont each either else etc ever every exactly for from get gets got
    had has have having help here hey hi how i id ids if im in into is isnt it its itself ive just kind let like ll make
    may me might mine more most much must my need needed needs no not of off ok on once one only or other our ours
    out over own please pls possible proxmox pve re really s same see shall she should so some somebody somehow someone
    something still such sure t tell than thanks that the their them then there these they thing things this those
    through to too up upon us use used uses using ve very via want wanted wants was way we well were what whats when
    where whether which while who whom whose why will with within without wont would you your yours

    aber alle alles als am an auf aus bei beim bin bitte da damit dann das dass dem den denn der des die dies diese
    diesem diesen dieser dieses doch du durch ein eine einem einen einer eines er es etwas fuer gibt habe haben hat
    ich ihr im in ins ist ja jede jeden jeder kann kein keine keinen koennen lassen man mein meine meinem meinen
    meiner mich mir mit muss nach nicht noch nur ob oder ohne schon sein seine sich sie sind so soll ueber um und
    uns unser unsere viel viele vom von vor wann warum was weil welche welchem welchen welcher welches wenn wer
    werden wie wieso wieviel will wird wo wurde zu zum zur

    au aux avec ce cette d dans des du elle et faire il je l la le les leur mes notre nos ou pas pour qui que
    se ses sont sur tous toutes un une votre

    al como con de donde el en es esta este hacer hay las lo mi nuestro para por puedo queda quiero
    sin sobre su sus tengo todas todos una y
    """.split()  # noqa: SIM905 - read as a text, not as a list of 200 lines
)

_ACCENTS = {"a": "áàâãå", "c": "ç", "e": "éèêë", "i": "íìîï", "n": "ñ", "o": "óòôõø", "u": "úùû"}
_FOLD = (
    *(("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss"), ("œ", "oe"), ("æ", "ae"), ("’", "'")),
    *((letter, plain) for plain, letters in _ACCENTS.items() for letter in letters),
)
# Begins with the apostrophe itself, so that `re` looks for that and not at every letter: a quarter of the time or less.
_APOSTROPHE = re.compile(r"'(?<=\w')(?=\w)")
# Possessive: no letter separates, so going back finds nothing. Going back would cost memory for each part of a compound
# (86 MB for "/a" a megabyte long). Python before 3.11.5 (Debian 12 has 3.11.2) goes on where the last try of a
# possessive group has left off, not where it began: ``{1,2}+`` kept the point that ends a sentence. Here each try
# begins with a branch, which goes back itself; the signs are in another order, or both branches would be put together.
_CHUNK = re.compile(r"[a-z0-9]++(?:(?:[-_.:/@!+][a-z0-9]|[+!@/:._-][+!@/:._-][a-z0-9])[a-z0-9]*+)*+")
LINE_END = "\n"
_CHUNK_OR_END = re.compile(_CHUNK.pattern + "|" + LINE_END)
_ADDRESS = re.compile(
    r"\d+(?:\.\d+){1,3}(?:/\d+)?"  # IPv4, a network, a version number
    r"|[0-9a-f]{2}(?::[0-9a-f]{2}){3,}|[0-9a-f]*(?::[0-9a-f]*){2,}(?:/\d+)?"  # MAC, IPv6, a PCI address
    r"|upid:.*|[^@\n]*@.*|0x[0-9a-f]+|[0-9a-f]{16,}"  # a task, user@realm, numbers in hexadecimal
    r"|\d+(?:[kmgtp]i?b?(?:it)?|[smhdwx]|ms|min|[kmg]hz)?"  # a number, with its unit
)
_ENDINGS = (("ungen", 9), ("ung", 7), ("ing", 6), ("ed", 5), ("en", 6), ("ion", 7))
_PARTS = re.compile(r"[-_.:/!+]")
_TRAILING_NUMBER = re.compile(r"(?<=[a-z])\d+$")


def fold(text: str) -> str:
    """Lower case, umlauts and apostrophes written out."""
    text = text.lower()
    if not text.isascii():
        for letter, plain in _FOLD:  # Ten times as fast on long texts as str.translate with a table (measured).
            text = text.replace(letter, plain)
    return _APOSTROPHE.sub("", text) if "'" in text else text


def chunks(text: str) -> list[str]:
    """What is between blanks and punctuation, folded; compounds are still whole."""
    return _CHUNK.findall(fold(text))


def chunks_by_line(lines: Iterable[str]) -> list[str]:
    """The chunks of several lines, with ``LINE_END`` between those of two: far quicker than one by one."""
    return _CHUNK_OR_END.findall(fold(LINE_END.join(lines)))


def words(text: str) -> list[str]:
    """The words of a text in order; numbers, addresses and names of users left out.

    A compound gives its parts, and is also given whole and joined: ``cloud-init`` is cloud, init, cloudinit.
    """
    return [word for chunk in chunks(text) for word in words_of(chunk)]


def words_of(chunk: str) -> tuple[str, ...]:
    """The words of one chunk."""
    if chunk.isalpha():
        return (chunk,)
    if _ADDRESS.fullmatch(chunk):
        return ()
    parts = _PARTS.split(chunk)
    if len(parts) > 2 and all(len(part) == 1 for part in parts) and (short := "".join(parts)).isalpha():
        return (short,)  # S.M.A.R.T.
    joined = ("".join(parts),) if len(parts) == 2 and parts[0].isalpha() and parts[1].isalpha() else ()
    return (*(part for part in parts if part and not part.isdigit()), *joined)


def without_number(word: str) -> str:
    """``scsi0`` is ``scsi``, ``vmbr12`` is ``vmbr``; a word without a number stays."""
    return _TRAILING_NUMBER.sub("", word)


@lru_cache(maxsize=16384)
def stem(word: str) -> str:
    """A light stem: English plurals, -ing, -ed, -ion; German -ung, -en; a last -e."""
    if len(word) < 4 or not word.isalpha():
        return word
    if word[-1] in "sd":
        word = singular(word)
    if word[-1] in "gnd":
        for ending, shortest in _ENDINGS:
            if word.endswith(ending) and len(word) >= shortest:
                word = _undoubled(word[: -len(ending)])
                break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def singular(word: str) -> str:
    """An English plural or a third person without its -s."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("ied") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "ases", "xes", "shes", "ches")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is", "as")):
        return word[:-1]
    return word


def _undoubled(word: str) -> str:
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls":
        return word[:-1]
    return word
