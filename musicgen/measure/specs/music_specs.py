"""The metrics of music, most with the function that takes them of one piece."""

import math
from collections.abc import Callable, Iterable
from functools import partial

from musicgen.measure.metric_spec import Better, MetricSpec
from musicgen.music.metrics import pitch, rhythm, selfsimilarity, texture
from musicgen.music.metrics.selfsimilarity import STRUCTURE_SPANS
from musicgen.music.notes import Performance

Measure = Callable[[Performance], float]

SHARE = (0.0, 1.0)
POSITIVE = (0.0, math.inf)
ENTROPY_OF_TWELVE = (0.0, math.log2(12))
# of ten classes of lengths, and of eleven of gaps
ENTROPY_OF_LENGTHS, ENTROPY_OF_GAPS = (0.0, math.log2(10)), (0.0, math.log2(11))
HEADLINE = {"scale_consistency": 6}


def _specs(
    group: str,
    unit: str,
    bounds: tuple[float, float],
    rows: Iterable[tuple[str, str, Measure | None, str]],
    *,
    better: Better = "closer",
) -> list[MetricSpec]:
    """Describe metrics of one group and unit, each a row of name, title, function and meaning."""
    return [
        MetricSpec(
            name=name,
            title=title,
            unit=unit,
            better=better,
            bounds=bounds,
            meaning=meaning,
            group=group,
            measure=measure,
            headline=HEADLINE.get(name, 0),
        )
        for name, title, measure, meaning in rows
    ]


# fmt: off
MUSIC: tuple[MetricSpec, ...] = (
    *_specs("Generated pieces", "pieces", POSITIVE, [
        ("pieces", "Pieces", None, "How many pieces were measured."),
    ], better="none"),
    *_specs("Generated pieces", "pieces", POSITIVE, [
        ("silent_pieces", "Silent pieces", None, "Pieces without a note; they are left out of all averages."),
    ], better="lower"),
    *_specs("Pitch", "share", SHARE, [
        ("scale_consistency", "Scale consistency", pitch.scale_consistency,
         "Share of notes in the major or natural minor scale that fits best; 0.583 if all twelve are alike."),
    ]),
    *_specs("Pitch", "bits", ENTROPY_OF_TWELVE, [
        ("pitch_class_entropy", "Pitch-class entropy", pitch.pitch_class_entropy,
         "How evenly the notes use the twelve pitch classes."),
        ("h1", "Pitch-class entropy of a bar", partial(pitch.bar_entropy, bars=1),
         "How evenly the notes of one bar use the twelve pitch classes, averaged over bars."),
        ("h4", "Pitch-class entropy of four bars", partial(pitch.bar_entropy, bars=4),
         "How evenly the notes of four bars use the twelve pitch classes, averaged over passages."),
    ]),
    *_specs("Pitch", "semitones", (0.0, 87.0), [
        ("pitch_range", "Pitch range", pitch.pitch_range, "Distance of the lowest and the highest note."),
    ]),
    *_specs("Pitch", "MIDI number", (21.0, 108.0), [
        ("mean_pitch", "Mean pitch", pitch.mean_pitch, "Mean MIDI number of the notes; 60 is middle C."),
    ]),
    *_specs("Texture", "pitches", (1.0, 88.0), [
        ("polyphony", "Polyphony", texture.polyphony,
         "How many pitches sound at once, averaged over the time in which anything sounds."),
    ]),
    *_specs("Texture", "share", SHARE, [
        ("polyphony_rate", "Polyphony rate", texture.polyphony_rate,
         "Share of the time in which two pitches or more sound."),
        ("silence_rate", "Silence", texture.silence_rate, "Share of the time in which nothing sounds."),
        ("empty_bar_rate", "Empty bars", texture.empty_bar_rate, "Share of bars in which nothing sounds."),
    ]),
    *_specs("Rhythm", "notes", POSITIVE, [
        ("notes_per_quarter", "Notes a quarter", rhythm.notes_per_quarter, "Notes for each quarter."),
    ]),
    *_specs("Rhythm", "share", SHARE, [
        ("grooving_similarity", "Grooving similarity", rhythm.grooving_similarity,
         "How alike the rhythms of any two bars are."),
    ]),
    *_specs("Rhythm", "quarters", POSITIVE, [
        ("note_length_quarters", "Note length", rhythm.note_length_quarters, "Mean length of a note."),
        ("inter_onset_quarters", "Gap between onsets", rhythm.inter_onset_quarters,
         "Median time between onsets that are not together."),
    ]),
    *_specs("Rhythm", "bits", ENTROPY_OF_LENGTHS, [
        ("note_length_entropy", "Variety of note lengths", rhythm.note_length_entropy,
         "How evenly the notes use ten classes of lengths."),
    ]),
    *_specs("Rhythm", "bits", ENTROPY_OF_GAPS, [
        ("inter_onset_entropy", "Variety of gaps", rhythm.inter_onset_entropy,
         "How evenly the gaps between onsets use eleven classes."),
    ]),
    *_specs("Structure", "share", SHARE, [
        ("repeated_interval_rate", "Repeated intervals", selfsimilarity.repeated_interval_rate,
         "Share of four-interval patterns of the top line that occur elsewhere in the piece."),
        *((f"bar_similarity_{number}", f"Return after {bars}",
           partial(selfsimilarity.bar_similarity, distance=number),
           f"Share of notes that return {bars} later.")
          for number, bars in ((1, "a bar"), (2, "two bars"), (4, "four bars"), (8, "eight bars"))),
    ]),
    *_specs("Structure", "", (-1.0, 1.0), [
        (f"structureness_{name}", f"Structureness, {name}",
         partial(selfsimilarity.structureness, span_quarters=quarters),
         f"How well passages of {quarters} quarters return elsewhere in the piece.")
        for name, quarters in STRUCTURE_SPANS.items()
    ]),
    *_specs("Harmony", "share", SHARE, [
        ("chord_rate", "Named chords", None,
         "Share of slices of three pitch classes or more that are a chord of theory."),
        ("note_rate", "Single pitch classes", None, "Share of sounding slices with one pitch class."),
        ("interval_rate", "Intervals", None, "Share of sounding slices with two pitch classes."),
        ("triad_rate", "Triads", None, "Share of sounding slices that are a triad."),
        ("seventh_rate", "Seventh chords", None, "Share of sounding slices that are a seventh chord."),
        ("ninth_rate", "Ninth chords", None, "Share of sounding slices that are a ninth chord."),
        ("suspended_rate", "Suspended chords", None, "Share of sounding slices that are a suspended chord."),
        ("incomplete_rate", "Incomplete sevenths", None,
         "Share of sounding slices that are a seventh chord without its fifth."),
        ("unnamed_rate", "Unnamed chords", None, "Share of sounding slices that theory has no name for."),
        ("chord_irregularity", "Chord irregularity", None, "Share of chord trigrams that are distinct."),
        ("diatonic_rate", "Diatonic chords", None, "Share of the time whose chord lies in the local key."),
        ("home_key_rate", "Home key", None, "Share of the time in the piece's own key."),
        ("authentic_cadence_rate", "Authentic cadences", None,
         "Share of cadences that go from V or vii° to the tonic."),
        ("shared_progressions", "Known progressions", None,
         "Share of three-chord progressions that occur in other real pieces."),
    ]),
    *_specs("Harmony", "quarters", POSITIVE, [
        ("chord_quarters", "Chord length", None, "Mean length of a chord."),
    ]),
    *_specs("Harmony", "in 100 quarters", POSITIVE, [
        ("modulations_per_100_quarters", "Modulations", None, "Changes of key in 100 quarters."),
        ("cadences_per_100_quarters", "Cadences", None, "Cadences in 100 quarters."),
    ]),
    *_specs("Copying", "notes", POSITIVE, [
        ("copy_notes", "Longest copy, median", None,
         "Longest run of notes that a piece shares with the training pieces; the median over pieces."),
        ("copy_notes_max", "Longest copy", None,
         "Longest run of notes that any piece shares with the training pieces."),
    ]),
    *_specs("Copying", "pieces", POSITIVE, [
        ("copied_pieces", "Copied pieces", None,
         "Pieces with a run over six times as long as the middle one of held-out real music."),
    ], better="lower"),
    *_specs("Distance from real music", "share", SHARE, [
        ("oa/", "Overlap", None,
         "Overlap of the distances within real music and from generated to real music; 1 if alike."),
    ], better="higher"),
    *_specs("Distance from real music", "nats", POSITIVE, [
        ("kld/", "KL divergence", None,
         "Divergence of the distances within real music from those of generated to real music."),
    ], better="lower"),
    *_specs("Distance from real music", "", POSITIVE, [
        ("frechet", "Fréchet distance", None,
         "Distance of generated and real pieces in the style classifier's embedding."),
    ], better="lower"),
    *_specs("Style", "share", SHARE, [
        ("own_composer", "Own composer", None,
         "Share of pieces whose likeliest composer is one of those that the run was trained on."),
    ], better="higher"),
    *_specs("Style", "probability", SHARE, [
        ("composer/", "Composer", None, "Mean probability that the style classifier gives this composer."),
        ("era/", "Era", None, "Mean probability that the style classifier gives this era."),
    ], better="none"),
)
# fmt: on
"""In reading order; those that come with other functions (harmony, copies, distances) name none here."""
