"""The words that people and models read are plain: the phrases that ``docs/style.md`` advises against are refused.

Strings, docstrings and comments of ``src`` are checked, the documents, and the prose of the data files.
"""

from __future__ import annotations

import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "proxmox_mcp"

GENERATED = {"faults.md", "clients.md", "performance.md", "tokens.md"}
"""Reports of runs: they repeat texts of the code and the tests, and change with the next run."""

REFUSED = [
    # phrase, a sentence with it, the same in plain words
    (r"(?<!there )\b(?:is|are|was|were) (?-i:none)\b", "a path that is none", "where there is none"),
    (r"(?<!there )\b(?:is|are) no (?!longer|more|less)\w", "x: is no parameter", "there is no parameter x"),
    (r"\bto be (?:had|seen|found)\b", "no guest is to be seen", "no guest is visible"),
    (r"\b(?:has|have|had) not(?=[.,;:)\"']| an?\b|$)", "a right that it has not", "it has not started"),
    (r"\bwhat(?:ever)? (?:comes|came|becomes|became) of\b", "what became of the task", "how the task ended"),
    (r"\banew\b", "reads it anew", "reloads it"),
    (r"\bto cure\b|\bcures it\b", "2 to cure", "2 errors"),
    (r"\b(?:stands?|stood)\b(?! (?:in )?for\b|-)", "what stands after =", "`*` stands for every node"),
    (r"\bstands? (?:for|by) (?:it|them)sel(?:f|ves)\b", "it stands for itself", "it is complete"),
    (r"\bwhoever\b", "whoever runs the server", "the operator"),
    (r"\bat hand\b", "the index at hand", "the local index"),
    (r"\bfor ever\b", "waits for ever", "never stops waiting"),
    (r"\berrands?\b", "errands of several calls", "common tasks"),
    (r"\bmend(?:s|ed|ing)?\b", "typos are mended", "typos are corrected"),
    (r"\bby (?:it|them)sel(?:f|ves)\b", "recovers by itself", "recovers automatically"),
    (r"\bupon\b", "upon the answer", "after the response"),
    (r"\b(?:go|goes|went) by\b", "confirmations go by a token", "confirmations use a token"),
    (r"\bforeign\b", "foreign text", "untrusted text"),
    (r"\bbut for\b", "all text but for tokens", "all text except tokens"),
    (r"\bsave (?:for|where|that)\b", "all save for tokens", "all except tokens"),
    (r"\bcan(?:'t|not)? be told\b", "it can't be told", "it is unknown"),
    (r"\bof (?:ours|theirs)\b|\b(?:an?|no|any|each) \w+ of Proxmox's\b", "a line of ours", "an error of Proxmox"),
    (r"\b(?:knows|takes|makes|needs|gives|says|means) not\b", "it knows not", "it does not know"),
    (r"\bnothing more is known\b", "nothing more is known", "see the server log"),
    (r"\bin (?:its|their) (?:stead|way)\b", "what stands in its way", "what prevents it"),
    (r"[.;] (?:Only|Never|Nowhere|Nor) (?:is|are|does|do|has|have|was)\b", "So. Never is it sent", "It is never sent"),
    (
        r"\b(?:hence|thence|whence|thereof|therein|whereof|whereby|lest|ere|amongst|whilst|unto|albeit|thrice|nought)\b",
        "whence it came",
        "where it came from",
    ),
]
_REFUSED = [(re.compile(pattern, re.IGNORECASE), plain) for pattern, _, plain in REFUSED]

QUOTED = {("text.py", "upon"): "a stop word of the search"}
"""Refused words that a file has to name."""

_QUOTES = re.compile(r"\A[A-Za-z]*('''|\"\"\"|'|\")(.*)\1\Z", re.DOTALL)


def _python(path: Path) -> list[str]:
    """The strings and comments of a module, those in pieces put together."""
    texts: list[str] = []
    last, formatted = -1, 0
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            name = tokenize.tok_name[token.type]
            # From Python 3.12 on a formatted string comes in pieces, what it formats among them.
            formatted += (name == "FSTRING_START") - (name == "FSTRING_END")
            if name in {"NL", "INDENT", "DEDENT", "FSTRING_START", "FSTRING_END"}:
                continue
            kind = tokenize.STRING if formatted else token.type
            if kind in {tokenize.STRING, tokenize.COMMENT}:
                quoted = _QUOTES.match(token.string)
                text = quoted[2] if quoted else token.string.lstrip("# ") + " " * (kind == tokenize.COMMENT)
                if kind == last:
                    texts[-1] += text
                else:
                    texts.append(text)
            last = kind
    return texts


def _prose(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    if path.name == "style.md":  # its table shows what not to write: the first cell is left out
        text = re.sub(r"(?m)^\|[^|]*\|", "|", text)
    elif path.name == "words.txt" or path.parent.name == "intents":  # the words of those who ask
        text = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    elif path.name == "absent.txt":
        text = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("~"))
    return [re.sub(r"(?m)^# ?", "", text)]


def _parts() -> dict[str, list[Path]]:
    """What is checked: each package and module of the top level, the documents, the data files."""
    parts = {
        "docs": [p for p in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")] if p.name not in GENERATED],
        "apidoc data": [*(ROOT / "apidoc").glob("*.t*"), *(ROOT / "apidoc" / "intents").glob("*.txt")],
    }
    for path in sorted(SOURCE.iterdir()):
        if path.is_dir() and path.name != "__pycache__":
            parts[path.name] = [p for p in path.rglob("*") if p.suffix in {".py", ".toml"}]
        elif path.suffix == ".py":
            parts[path.name] = [path]
    return {name: paths for name, paths in parts.items() if paths}


PARTS = _parts()


def _found(path: Path) -> list[str]:
    found = []
    for text in _python(path) if path.suffix == ".py" else _prose(path):
        line = " ".join(text.split())
        for pattern, plain in _REFUSED:
            found += [
                f"{path.relative_to(ROOT)}: ...{line[max(0, hit.start() - 40) : hit.end() + 30]}... (rather: {plain})"
                for hit in pattern.finditer(line)
                if (path.name, hit[0]) not in QUOTED
            ]
    return found


@pytest.mark.parametrize("part", sorted(PARTS))
def test_what_people_and_models_read_is_plain(part: str) -> None:
    found = [line for path in PARTS[part] for line in _found(path)]
    assert not found, "see docs/style.md:\n" + "\n".join(found)


@pytest.mark.parametrize(("pattern", "odd", "plain"), REFUSED, ids=[odd for _, odd, _ in REFUSED])
def test_a_phrase_is_refused_and_its_plain_form_is_not(pattern: str, odd: str, plain: str) -> None:
    assert re.search(pattern, odd, re.IGNORECASE)
    assert not any(refused.search(plain) for refused, _ in _REFUSED)


def test_a_phrase_in_pieces_is_found(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text('# what\n# stands\nX = (\n    "It is "\n    f"none, {1}"\n)\n"""Reads it\nanew."""\n')
    texts = [" ".join(text.split()) for text in _python(module)]
    assert texts == ["what stands", "It is none, {1}", "Reads it anew."]


def test_the_guide_shows_what_is_refused() -> None:
    table = re.findall(r"(?m)^\| (.+?) \| (.+?) \|$", (ROOT / "docs" / "style.md").read_text(encoding="utf-8"))
    assert len(table) > 25
    refused = [odd for odd, _ in table if any(pattern.search(odd) for pattern, _ in _REFUSED)]
    assert len(refused) > 20
