"""How well, how fast and how small the search is, beside SQLite FTS5 and bm25s on the same text in the same run.

    scripts/bench search [--questions FILE] [--apidoc SOURCE] [--failures N]

A line of a question file: ``{"id", "query", "accept": [[METHOD, path], ...], "area", "style"}``; nothing accepted means
that the API has no answer, and that a search should say so. Timings are of this machine: read them as ratios.
"""

from __future__ import annotations

import argparse
import gc
import json
import sqlite3
import statistics
import time
import tracemalloc
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proxmox_mcp.apidoc import load_index
from proxmox_mcp.apidoc.data_files import data_directory
from proxmox_mcp.search import Searcher
from proxmox_mcp.search.intents import load_intents
from proxmox_mcp.search.text import STOP_WORDS, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from proxmox_mcp.apidoc import EndpointIndex

QUESTIONS = Path(__file__).parents[1] / "tests" / "search" / "questions.jsonl"
DEPTH = 10

Found = tuple[list[tuple[str, str]], bool]
"""Endpoints, best first, and whether the search stands by them."""


@dataclass(frozen=True)
class Question:
    query: str
    accept: frozenset[tuple[str, str]]
    area: str
    style: str


@dataclass(frozen=True)
class Answered:
    """A question with the rank of its first right answer (0: none), and whether the search stood by its answer."""

    question: Question
    rank: int
    confident: bool
    microseconds: float


def read_questions(path: Path) -> list[Question]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [Question(r["query"], frozenset((m, p) for m, p in r["accept"]), r["area"], r["style"]) for r in rows]


def answer(questions: Iterable[Question], search: Callable[[str], Found]) -> list[Answered]:
    answered = []
    for question in questions:
        start = time.perf_counter_ns()
        found, confident = search(question.query)
        spent = (time.perf_counter_ns() - start) / 1000
        rank = next((n for n, endpoint in enumerate(found, 1) if endpoint in question.accept), 0)
        answered.append(Answered(question, rank, confident, spent))
    return answered


def ours(index: EndpointIndex) -> Callable[[str], Found]:
    searcher = Searcher(index)

    def search(query: str) -> Found:
        results = searcher.find(query, DEPTH)
        return [(hit.endpoint.method, hit.endpoint.path) for hit in results.hits], results.confident

    return search


def texts(index: EndpointIndex) -> list[list[str]]:
    """All words that we search of each endpoint, without our weights, concepts, stems and hints."""
    intents = load_intents(data_directory() / "intents")
    found = []
    for endpoint in index.endpoints:
        intent = intents.get((endpoint.method, endpoint.path))
        asked = [*intent.phrases, intent.does, *(p for ps in intent.parameters.values() for p in ps)] if intent else []
        parts = [endpoint.path, endpoint.name, endpoint.description, *endpoint.parameters, *asked]
        found.append([word for part in parts for word in words(part)])
    return found


def asked_words(query: str) -> list[str]:
    return [word for word in words(query) if word not in STOP_WORDS]


def fts5(index: EndpointIndex) -> Callable[[str], Found]:
    base = sqlite3.connect(":memory:")
    base.execute("CREATE VIRTUAL TABLE endpoint USING fts5(words, tokenize='porter unicode61')")
    base.executemany("INSERT INTO endpoint(rowid, words) VALUES (?, ?)", enumerate(map(" ".join, texts(index))))
    keys = [(endpoint.method, endpoint.path) for endpoint in index.endpoints]

    def search(query: str) -> Found:
        terms = " OR ".join(f'"{word}"' for word in asked_words(query))
        if not terms:
            return [], False
        rows = base.execute("SELECT rowid FROM endpoint WHERE endpoint MATCH ? ORDER BY rank LIMIT ?", (terms, DEPTH))
        return [keys[row] for (row,) in rows], True

    return search


def bm25s_search(index: EndpointIndex) -> Callable[[str], Found]:
    import bm25s

    retriever: Any = bm25s.BM25()
    retriever.index(texts(index), show_progress=False)
    keys = [(endpoint.method, endpoint.path) for endpoint in index.endpoints]

    def search(query: str) -> Found:
        terms = asked_words(query)
        if not terms:
            return [], False
        rows, _ = retriever.retrieve([terms], k=DEPTH, show_progress=False)
        return [keys[row] for row in rows[0]], True

    return search


ENGINES: dict[str, Callable[[EndpointIndex], Callable[[str], Found]]] = {
    "ours": ours,
    "SQLite FTS5": fts5,
    "bm25s": bm25s_search,
}


def figures(answered: Sequence[Answered]) -> str:
    """Shares in percent of the questions that have an answer, and of those without that were declined."""
    with_answer = [each for each in answered if each.question.accept]
    without = [each for each in answered if not each.question.accept]
    parts = [f"n {len(answered):4}"]
    if with_answer:
        n = len(with_answer)
        parts += [f"@{k} {100 * sum(0 < each.rank <= k for each in with_answer) / n:5.1f}" for k in (1, 3, 5, 10)]
        parts.append(f"MRR {sum(1 / each.rank for each in with_answer if each.rank) / n:.3f}")
        parts.append(f"doubted {100 * sum(not each.confident for each in with_answer) / n:5.1f}")
    if without:
        parts.append(f"declined {100 * sum(not each.confident for each in without) / len(without):5.1f}")
    return "  ".join(parts)


def built(make: Callable[[EndpointIndex], Callable[[str], Found]], source: str) -> tuple[Callable[[str], Found], float]:
    """A search, and the milliseconds that it took to build: the best of three on unused indexes."""
    best = float("inf")
    for _ in range(3):
        index = load_index(source)
        gc.collect()
        start = time.perf_counter_ns()
        search = make(index)
        best = min(best, (time.perf_counter_ns() - start) / 1e6)
    return search, best


def memory(make: Callable[[EndpointIndex], Callable[[str], Found]], source: str, queries: Sequence[str]) -> float:
    """The MiB of Python objects that a search holds after it has answered all questions (C allocations not counted)."""
    index = load_index(source)
    gc.collect()
    tracemalloc.start()
    search = make(index)
    for query in queries:
        search(query)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] / 2**20
    tracemalloc.stop()
    return held


def report(name: str, questions: Sequence[Question], source: str) -> list[Answered]:
    search, milliseconds = built(ENGINES[name], source)
    answer(questions, search)
    answered = answer(questions, search)
    median = statistics.median(each.microseconds for each in answered)
    held = memory(ENGINES[name], source, [question.query for question in questions])
    print(f"{name:14} {figures(answered)}")
    again = f" ({from_stored(source):.0f} ms from what was stored)" if name == "ours" else ""
    print(f"{'':14} median {median:.0f} us a search, built in {milliseconds:.0f} ms{again}, holds {held:.1f} MiB")
    return answered


def from_stored(source: str) -> float:
    """The milliseconds that our search takes to be ready from what an earlier one stored: the best of three."""
    stored = Searcher(load_index(source)).store()

    def make(index: EndpointIndex) -> Callable[[str], Found]:
        searcher = Searcher(index, stored=stored)
        return lambda query: ([(h.endpoint.method, h.endpoint.path) for h in searcher.search(query)], True)

    return built(make, source)[1]


def by(answered: Sequence[Answered], key: str) -> None:
    groups: dict[str, list[Answered]] = defaultdict(list)
    for each in answered:
        groups[getattr(each.question, key)].append(each)
    print(f"\nby {key}")
    for name, members in sorted(groups.items()):
        print(f"  {name:14} {figures(members)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--questions", type=Path, default=QUESTIONS)
    parser.add_argument("--apidoc", default="9.1", help="an apidoc.js, a snapshot, or a bundled version")
    parser.add_argument("--failures", type=int, default=0, help="show so many questions without a right answer in five")
    arguments = parser.parse_args()
    questions = read_questions(arguments.questions)
    print(f"{len(questions)} questions of {arguments.questions.name}, {arguments.apidoc}; shares in percent\n")
    answered = report("ours", questions, arguments.apidoc)
    for name in ("SQLite FTS5", "bm25s"):
        report(name, questions, arguments.apidoc)
    by(answered, "area")
    by(answered, "style")
    missed = [each.question for each in answered if each.question.accept and not 0 < each.rank <= 5]
    for question in missed[: arguments.failures]:
        print(f"\nmissed: {question.query}\n  {', '.join(' '.join(each) for each in sorted(question.accept))}")


if __name__ == "__main__":
    main()
