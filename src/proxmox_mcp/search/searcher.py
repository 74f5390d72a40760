"""Finding endpoints for a question: the steps from its words to ranked hits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from proxmox_mcp.apidoc.data_files import data_directory
from proxmox_mcp.search.absent import Absence, load_absences
from proxmox_mcp.search.api_names import ApiNames, arranged
from proxmox_mcp.search.boosts import Factors, HintWeights, directories_of, hints_of
from proxmox_mcp.search.browse import browse, mentioned, path_query
from proxmox_mcp.search.commands import load_commands
from proxmox_mcp.search.counts import count
from proxmox_mcp.search.documents import Document, text_of, texts_of
from proxmox_mcp.search.index_cache import Contents, pack, source_of, unpack
from proxmox_mcp.search.indexing import TermReader
from proxmox_mcp.search.intents import load_intents
from proxmox_mcp.search.ranking import Ranker, Weights
from proxmox_mcp.search.text import STOP_WORDS, fold, without_number, words
from proxmox_mcp.search.typos import Corrector
from proxmox_mcp.search.vocabulary import load_vocabulary, stem_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from proxmox_mcp.apidoc import Endpoint, EndpointIndex
    from proxmox_mcp.search.commands import Command
    from proxmox_mcp.search.ranking import Match

_NOTHING = Document(0)

CONFIDENT = 0.42
"""The score from which the first hit is trusted: chosen on our own questions, see ``benchmarks/search.py``."""

LONGEST_QUERY = 2_000
"""Characters of a question that are read; more words don't improve the result, and cost time."""

EXACTLY = 1.0
"""What is added to the score of an endpoint that a question names among other words: by its path, or by a command of
the node that does the same (``qm set``)."""

NEIGHBOUR = 0.5
"""The factor of all scores where the question is for something that the API does not have: similar is not the same."""


_PASTED = re.compile(r"\s*(?:task\s+)?error\s*:\s*(?=\S)", re.IGNORECASE)
"""What the log of a task begins its error with (``PVE::RESTEnvironment::fork_worker``): it names no task that is asked
about."""


_LOCKED = re.compile(r"(?<=is locked )\([a-z-]+\)")
"""The job that left a lock, as ``PVE::AbstractConfig::check_lock`` names it: the question is about the lock."""


class Hit(NamedTuple):
    """An endpoint that was found, and how well it fits (0 to about 2; 1 for a path that was browsed).

    ``parameter`` is the one that was asked for (may be empty), ``document`` what was read of it.
    """

    endpoint: Endpoint
    score: float
    parameter: str = ""
    document: Document = _NOTHING

    @property
    def summary(self) -> str:
        """What the endpoint does, in a line; empty where it is newer than our intents."""
        return self.document.does

    @property
    def popular(self) -> tuple[str, ...]:
        """The parameters that people ask for."""
        return tuple(dict.fromkeys(self.document.parameters))


class Results(Struct, frozen=True):
    """What was found: hits, best first; whether the first can be trusted; what the API has no endpoint for.

    ``corrections`` are the words that were read as others, not merely as other forms, each with what it was read as.
    """

    hits: tuple[Hit, ...] = ()
    confident: bool = False
    absent: Absence | None = None
    corrections: tuple[tuple[str, str], ...] = ()


class Searcher:
    """Searches one index. Made once; searching changes nothing but small caches.

    ``stored`` is what ``store`` gave for an earlier searcher, and saves most of the work of making this one; where it
    is of another index or of other files, it is not used (``was_stored`` tells).

    Raises ApidocFormatError where a file of ``directory`` (``apidoc/`` by default) can't be read as what it should be.
    """

    def __init__(
        self,
        index: EndpointIndex,
        directory: Path | None = None,
        stored: bytes = b"",
        weights: Weights | None = None,
        hints: HintWeights | None = None,
    ) -> None:
        directory = directory or data_directory()
        self.index = index
        self._endpoints = index.endpoints
        self._absences = load_absences(directory / "absent.txt")
        self._source = source_of(index, directory)
        unpacked = unpack(self._source, stored)
        self.was_stored = unpacked is not None
        self._contents = unpacked or self._read_all(directory)
        self._vocabulary = self._contents.vocabulary
        keys = ((each.method, each.path) for each in self._endpoints)
        self._documents = dict(zip(keys, self._contents.documents, strict=False))  # Absences have documents too.
        contents, directories = self._contents, self._contents.directories
        self._ranker = Ranker(contents.documents, contents.places, contents.counts, weights or Weights())
        self._factors = Factors(self._endpoints, directories, len(self._absences), hints or HintWeights())
        self._corrector = Corrector(contents.known)
        self._names = ApiNames(self._endpoints, directories)
        self._commands = load_commands(directory / "commands.txt")
        self._numbers = {(each.method, each.path): number for number, each in enumerate(self._endpoints)}

    def _read_all(self, directory: Path) -> Contents:
        intents, vocabulary = load_intents(directory / "intents"), load_vocabulary(directory / "words.txt")
        texts = [*texts_of(self._endpoints, intents), *(text_of(each.phrases) for each in self._absences)]
        reader = TermReader(vocabulary)
        places = reader.places(line for text in texts for line in text.lines)
        documents = [text.document for text in texts]
        counts, directories = count(documents, places), directories_of(self._endpoints)
        return Contents(documents, places, counts, reader.known(), vocabulary, directories)

    def store(self) -> bytes:
        """What can be kept for the next searcher of the same index."""
        return pack(self._source, self._contents)

    def search(self, query: str, limit: int = 5) -> list[Hit]:
        """The endpoints that fit a question, best first; those of a path where it is one.

        None where the question is for something that the API has no endpoint for (``find`` says what to do instead).
        """
        results = self.find(query, limit)
        return list(results.hits) if results.absent is None else []

    def find(self, query: str, limit: int = 5, method: str = "") -> Results:
        """As ``search``, with all that is known about the result; only endpoints of ``method`` where it is given."""
        query = query[:LONGEST_QUERY]
        if pasted := _PASTED.match(query):
            query = query[pasted.end() :]
        query = _LOCKED.sub("", query)
        path = path_query(query)
        if path is not None and (found := browse(self._endpoints, path)):
            chosen = [e for e in found if not method or e.method == method]
            return Results(tuple(self._hit(e, 1.0) for e in chosen[:limit]), confident=True)
        return self._ranked(query, limit, method)

    def summary(self, endpoint: Endpoint) -> str:
        """What an endpoint does, in a line of our own words; empty where it is newer than our intents."""
        return self._documents.get((endpoint.method, endpoint.path), _NOTHING).does

    def _ranked(self, query: str, limit: int, method: str) -> Results:
        command = self._commands.named_in(query)
        stems, corrections = self._read(query, correct=command is None)
        units = self._vocabulary.units(stems)
        matches = self._ranker.rank(units, self._factors.of(hints_of(stems, units, self._vocabulary)))
        count = len(self._endpoints)
        named = self._names.of(query)
        same = self._exactly(query, command)
        absent = self._absence(matches, command, is_named=bool(named.spelled or same))
        scale = NEIGHBOUR if absent else 1.0
        found = {match.document: match for match in matches if match.document < count}
        scores = {number: match.score for number, match in found.items()}
        scores |= {number: scores.get(number, 0.0) + EXACTLY for number in same}
        order = arranged(scores, named)
        chosen = [(n, score) for n, score in order if not method or self._endpoints[n].method == method][:limit]
        asked = {n: found[n].parameter for n in found} | dict.fromkeys(named.takers, named.parameter)
        hits = tuple(self._hit(self._endpoints[n], scale * score, asked.get(n, "")) for n, score in chosen)
        confident = bool(hits) and absent is None and (named.is_something or bool(same) or hits[0].score >= CONFIDENT)
        return Results(hits, confident, absent, corrections)

    def _exactly(self, query: str, command: Command | None) -> list[int]:
        """The endpoints that a question names by a command or by their path, among other words."""
        keys = command.endpoints if command else [(e.method, e.path) for e in mentioned(self._endpoints, query)]
        return [self._numbers[key] for key in keys if key in self._numbers]

    def _absence(self, matches: Sequence[Match], command: Command | None, *, is_named: bool) -> Absence | None:
        """What the API has no endpoint for, if the question is for that; not where it names an endpoint."""
        if is_named:
            return None
        if command is not None and not command.endpoints:
            return command.absence
        best = matches[0].document - len(self._endpoints) if matches else -1
        return self._absences[best] if best >= 0 else None

    def _read(self, query: str, *, correct: bool = True) -> tuple[list[str], tuple[tuple[str, str], ...]]:
        """The stems of a question, typos corrected; unknown words with digits are names, and left out.

        So are all unknown words of a command line (not ``correct``): its arguments.
        """
        stems: list[str] = []
        corrections: list[tuple[str, str]] = []
        written = fold(query)
        for word in words(query):
            if self._is_extra(word, written if correct else ""):
                continue
            known = self._known(word)
            stems += map(stem_of, known)
            meant = " ".join(known)
            if word.isalpha() and not meant.startswith(word) and not word.startswith(meant):
                corrections.append((word, meant))
        return stems, tuple(corrections)

    def _is_extra(self, word: str, written: str) -> bool:
        """Whether an unknown word is not worth a correction: it was not written so, but joined from known parts."""
        return word not in STOP_WORDS and word not in written and not self._corrector.knows(without_number(word))

    def _known(self, word: str) -> tuple[str, ...]:
        if word in STOP_WORDS or self._corrector.knows(word) or word.isalpha():
            return self._corrector.correct(word)
        bare = without_number(word)
        return (bare,) if self._corrector.knows(bare) else ()

    def _hit(self, endpoint: Endpoint, score: float, parameter: str = "") -> Hit:
        return Hit(endpoint, score, parameter, self._documents.get((endpoint.method, endpoint.path), _NOTHING))
