"""The scores that come inside the installed music21 package as a source of pieces."""

import importlib.metadata
import importlib.util
import logging
import re
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path

from musicgen.config.build import Buildable
from musicgen.data.catalogue.content_hashes import hash_files
from musicgen.data.catalogue.findings import Findings
from musicgen.data.catalogue.pieces import Piece
from musicgen.data.catalogue.shards import WHOLE, Shard
from musicgen.data.sources.composers import BirthYears, era_of
from musicgen.files.hashing import hash_file
from musicgen.files.progress_bar import track
from musicgen.files.workers import num_processes, run_tasks
from musicgen.music.midi import write_midi
from musicgen.music.notation.read_scores import SCORE_SUFFIXES, ScoreError, read_score, score_text

logger = logging.getLogger(__name__)

_CONVERTER_VERSION = 2
"""Bump whenever conversion output changes; part of the cache key."""

_COMPOSERS = {
    "bach": ("Johann Sebastian", "Bach"),
    "beach": ("Amy", "Beach"),
    "beethoven": ("Ludwig van", "Beethoven"),
    "chopin": ("Frédéric", "Chopin"),
    "corelli": ("Arcangelo", "Corelli"),
    "cpebach": ("Carl Philipp Emanuel", "Bach"),
    "handel": ("George Frideric", "Handel"),
    "haydn": ("Joseph", "Haydn"),
    "joplin": ("Scott", "Joplin"),
    "mozart": ("Wolfgang Amadeus", "Mozart"),
    "schoenberg": ("Arnold", "Schoenberg"),
    "schubert": ("Franz", "Schubert"),
    "schumann_clara": ("Clara", "Schumann"),
    "schumann_robert": ("Robert", "Schumann"),
    "verdi": ("Giuseppe", "Verdi"),
    "weber": ("Carl Maria von", "Weber"),
}
_GENRES = {
    "beethoven/": "String Quartet",
    "haydn/": "String Quartet",
    "mozart/k1": "String Quartet",
    "mozart/k458": "String Quartet",
    "mozart/k545": "Piano Sonata",
    "mozart/k80": "String Quartet",
    "schumann_robert/opus41": "String Quartet",
}
_SECOND_EDITIONS = re.compile(r"beethoven/.*\.krn|schumann_robert/dichterliebe_no2\.xml")


@dataclass(frozen=True)
class _Converted:
    """One score as a MIDI file: its name in the cache, or why there is none."""

    midi: str = ""
    title: str = ""
    error: str = ""


class Corpus(Buildable):
    """Bach's chorales, quartets of Haydn, Mozart and Beethoven, and a few others, from music21's corpus.

    The package is found, not imported. Scores are converted to MIDI once, in worker processes, and kept by
    content and version of the converter; nothing is written outside the cache. Folk-song collections, vocal
    polyphony before Corelli, exercises and second editions of a piece are left out. Quartets encoded as a
    whole are one piece.

    Args:
        cache_dir: Where converted pieces are kept.
        num_workers: Processes that convert at most; None takes one per core.
        progress: Show a bar while converting.

    Raises:
        ValueError: music21 is not installed, or its corpus is missing.
    """

    name = "corpus"

    def __init__(self, cache_dir: str | Path, *, num_workers: int | None = None, progress: bool = True):
        self.root = _find_corpus()
        self.num_workers = num_workers
        self.progress = progress
        self.cache_dir = Path(cache_dir)
        verovio = importlib.metadata.version("verovio")
        self.folder = self.cache_dir / "corpus" / f"verovio-{verovio}-v{_CONVERTER_VERSION}"

    def pieces(self, shard: Shard = WHOLE) -> list[Piece]:
        """List every piece, sorted by file name; converts those that no earlier run has converted.

        The corpus is small: a shard converts and lists all of it, too.

        Raises:
            ValueError: No score could be converted.
        """
        return self._made(find_scores(self.root))

    def names(self) -> list[Piece]:
        """List every score with the title that is written in it, if it can be read."""
        births = BirthYears()
        named = [(path.relative_to(self.root).as_posix(), path) for path in find_scores(self.root)]
        return [_piece(name, _Converted(title=_title_of(path)), path, "", births) for name, path in named]

    def pieces_named(self, names: Sequence[Piece]) -> list[Piece]:
        """List these scores of `names()` as pieces, sorted by file name; converts them alone.

        Raises:
            ValueError: None of them could be converted.
        """
        return self._made([piece.path for piece in names])

    def _made(self, scores: list[Path]) -> list[Piece]:
        births = BirthYears()
        converted = self._converted(scores)
        names = sorted(converted, key=lambda name: converted[name].midi)
        paths = [self.folder / converted[name].midi for name in names]
        contents = hash_files(paths, cache_dir=self.cache_dir)
        return [
            _piece(name, converted[name], path, content, births)
            for name, path, content in zip(names, paths, contents, strict=True)
        ]

    def _converted(self, scores: list[Path]) -> dict[str, _Converted]:
        """Convert what is missing, and give what could be converted, by the score's name."""
        digests = dict(zip(scores, hash_files(scores, cache_dir=self.cache_dir), strict=True))
        findings = Findings(self.cache_dir, kind=f"conversion-{self.folder.name}")
        known = {path: findings.get(digest) for path, digest in digests.items() if digest}
        converted = {path: _Converted(**values) for path, values in known.items() if values is not None}
        tasks = [path for path in scores if not self._is_there(converted.get(path))]
        sizes = {path: _text_bytes(path) for path in tasks}
        tasks.sort(key=sizes.__getitem__, reverse=True)  # long ones first, cores end together
        processes = num_processes(self.num_workers, num_tasks=len(tasks), worth_a_pool=8)
        results = run_tasks(partial(convert, folder=self.folder), tasks, processes=processes)
        shown = track(
            results,
            description="Converting scores",
            total=len(tasks),
            weights=[sizes[path] for path in tasks],
            shown=self.progress,
        )
        with findings.writer() as remember:
            for path, result in zip(tasks, shown, strict=True):
                converted[path] = result
                if digests[path]:
                    remember(digests[path], asdict(result))
        found = {path.relative_to(self.root).as_posix(): converted[path] for path in scores}
        _report_errors(found)
        return {name: result for name, result in found.items() if not result.error}

    def _is_there(self, entry: _Converted | None) -> bool:
        return entry is not None and (bool(entry.error) or (self.folder / entry.midi).is_file())


def find_scores(root: Path) -> list[Path]:
    """Find the scores of known composers below a corpus folder, each piece in one edition."""
    paths = [path for folder in _COMPOSERS for path in (root / folder).rglob("*")]
    scores = [path for path in paths if path.suffix.lower() in SCORE_SUFFIXES]
    return sorted(
        path for path in scores if not _SECOND_EDITIONS.fullmatch(path.relative_to(root).as_posix())
    )


def _text_bytes(path: Path) -> int:
    """Count the bytes of a score's text, which reading it takes time for, compressed or not."""
    if path.suffix.lower() == ".mxl":
        try:
            with zipfile.ZipFile(path) as archive:
                return sum(member.file_size for member in archive.infolist())
        except (zipfile.BadZipFile, OSError):
            pass  # reported when it is converted
    return path.stat().st_size


def convert(path: Path, *, folder: Path) -> _Converted:
    """Convert one score to a MIDI file in ``folder``, named by the score's path and content."""
    try:
        text = score_text(path)
        performance = read_score(path, text)
        digest = hash_file(path)
    except (ScoreError, OSError) as error:
        return _Converted(error=str(error))
    work = "-".join(part for part in path.parts[-3:-1] if part != "corpus")
    target = folder / f"{work}-{path.stem}-{digest[:12]}.mid"
    folder.mkdir(parents=True, exist_ok=True)
    write_midi(replace(performance, score=None), target)  # nominal time: the same bytes whatever the tempo
    return _Converted(midi=target.name, title=_title_in(text))


def title_of(name: str, inscription: str) -> str:
    """Make a title from a score's path in the corpus and the title written in it.

    >>> title_of("beethoven/opus18no1/movement2.mxl", "")
    'String Quartet Op. 18 No. 1, movement 2'
    """
    folders, _, stem = name.rpartition(".")[0].partition("/")[2].rpartition("/")
    work = " ".join(filter(None, [folders, stem])).replace("_", " ")
    work = re.sub(r"\bopus(\d+)", r"Op. \1", work)
    work = re.sub(r"(?<=\d)no(\d+)", r" No. \1", work)
    work = re.sub(r"\bbwv(?=\d)", "BWV ", work)
    work = re.sub(r"\b([kh])(\d+)", lambda match: f"{match[1].upper()}. {match[2]}", work)
    work = re.sub(r" movement(\d+)", r", movement \1", work)
    work = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", work)
    genre = next((genre for start, genre in _GENRES.items() if name.startswith(start)), "")
    title = f"{genre} {work}".strip()
    return f"{title} ({inscription})" if inscription else title


def _title_in(text: str) -> str:
    """Read the title written in a score; a file name is none."""
    found = re.search(r"<movement-title>([^<]+)<|<work-title>([^<]+)<|^!!!OTL[^:]*:(.+)$", text, re.MULTILINE)
    title = " ".join((found[1] or found[2] or found[3]).split()) if found else ""
    return "" if title.lower().endswith(SCORE_SUFFIXES) else title


@cache
def _title_of(path: Path) -> str:
    try:
        return _title_in(score_text(path))
    except (ScoreError, OSError):
        return ""


def _piece(name: str, converted: _Converted, path: Path, content: str, births: BirthYears) -> Piece:
    first_name, surname = _COMPOSERS[name.partition("/")[0]]
    composer = f"{first_name} {surname}"
    return Piece(
        path=path,
        content=content,
        composer=composer,
        surname=surname,
        title=title_of(name, converted.title),
        era=era_of(births.year(composer)),
    )


def _find_corpus() -> Path:
    package = importlib.util.find_spec("music21")
    folders = list(package.submodule_search_locations or []) if package else []
    if not folders or not Path(folders[0], "corpus", "bach").is_dir():
        raise ValueError(
            "data=corpus reads the scores inside the music21 package, which is not installed whole; "
            "pip install --force-reinstall music21, or use data=folder data.root=DIR"
        )
    return Path(folders[0], "corpus")


def _report_errors(found: dict[str, _Converted]) -> None:
    failed = {name: result.error for name, result in found.items() if result.error}
    for name, error in failed.items():
        logger.warning("score %s left out: %s", name, error)
    if len(failed) == len(found):
        raise ValueError(f"none of the {len(found)} scores of music21's corpus could be converted")
