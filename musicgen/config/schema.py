"""Kinds of settings, for those whose default does not determine it."""

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from musicgen.config.kinds import (
    ANYTHING,
    FLAG,
    FOLDER_NAME,
    PLAIN,
    TABLE,
    TEXT,
    Kind,
    either,
    list_of,
    matching,
    one_of,
    path,
    real,
    whole,
)

PER_STAGE = ("batch_size", "max_epochs", "updates_per_epoch")  # a number per stage, or a number for all
TABLES = ("where", "better", "knobs", "blend")  # their keys are the user's own

_NAMES = list_of(TEXT, or_one=True).or_null()
_FRACTION = real(0, 0.95)
_TEMPO = real(4, 1000)  # a MIDI file holds nothing slower
_STRIDES = replace(
    list_of(either(whole(1), list_of(whole(1), least=2)), least=1).or_null(),
    words="a list such as [4,2] or [[2,2],[2,1]], or null",
)
_MOOD = list_of(real(-1, 1), or_one=True, least=1)

_DIRECTIONS = Kind(
    "a table of metrics, each lower, higher, closer or none",
    lambda value: (
        isinstance(value, dict)
        and all(way in ("lower", "higher", "closer", "none") for way in value.values())
    ),
)

# The first match counts; a prefix VERB: limits a line to a verb. Lists all settings that default to null.
KINDS: tuple[tuple[str, Kind], ...] = (
    ("search:folder", path()),
    ("*_target_", matching(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", words="the dotted name of a class or function")),
    ("*_partial_", FLAG),
    ("seed", whole(0, 2**32 - 1)),
    ("*.seed", whole(0, 2**32 - 1).or_null()),
    ("search:pruner.n_*", whole(0)),
    ("search:pruner.*", ANYTHING),  # arguments of a class that the user may choose
    ("search:sampler.*", ANYTHING),
    ("epochs", whole(1)),
    ("*.epochs", whole(1)),
    ("max_epochs.*", whole(1)),
    ("batch_size", whole(1)),
    ("*batch_size.*", whole(1)),
    ("*.batch_size", whole(1)),
    ("updates_per_epoch.*", whole(1).or_null()),
    ("*.updates_per_epoch", whole(1).or_null()),
    ("threads", whole(1, 1024).or_null()),
    ("name", FOLDER_NAME),
    ("study", FOLDER_NAME),
    ("stages", list_of(TEXT, least=1)),
    ("ckpt_path", one_of("last").or_null()),
    ("generate:keep", whole(1).or_null()),
    ("train:keep", one_of("best", "last")),
    ("grid.ticks", one_of(3, 4, 6, 8, 12, 16, 24, 32)),
    ("*.num_embeddings", whole(1)),
    ("*.embedding_dim", whole(1)),
    ("*.num_hiddens", whole(1)),
    ("*.num_residual_hiddens", whole(1)),
    ("*.latents_per_position", whole(1)),
    ("*.num_heads", whole(1)),
    ("*.local_layers", whole(1, 1000)),
    ("*.local_heads", whole(1)),
    ("*width", whole(1)),
    ("*.num_layers", whole(1, 1000)),
    ("*.num_residual_layers", whole(0, 1000)),
    ("transpose", whole(0, 48).or_null()),
    ("stage.vq_vae.transpose", whole(0, 48).or_null()),
    ("*.transpose", whole(0, 48)),
    ("windows.gap_share", real(0, 1)),
    ("*.restart_share", real(0, 1)),
    ("vq_vae.channels", whole(1, 2).or_null()),
    ("windows.*", whole(1)),
    ("*.max_positions", whole(1).or_null()),
    ("data.composer", _NAMES),
    ("data.era", _NAMES),
    ("data.title", _NAMES),
    ("data.mode", one_of("major", "minor").or_null()),
    ("data.key", _NAMES),
    ("data.progression", _NAMES),
    ("generate.key", TEXT.or_null()),
    ("generate:key", TEXT.or_null()),
    ("style:composer", TEXT),
    ("style:against", TEXT),
    ("generate:composer", TEXT.or_null()),
    ("generate:era", TEXT.or_null()),
    ("generate:guidance", real(0)),
    ("generate:blend", TABLE),
    ("generate:blend_by", one_of("labels", "directions")),
    ("generate:mood.*", _MOOD.or_null()),
    ("generate:attributes.*", list_of(real(), or_one=True, least=1).or_null()),
    ("generate:fill", matching(r"\s*\d+\s*:\s*\d+\s*", words="quarters such as 16:24").or_null()),
    ("generate:vary", real(0, 1, above=True).or_null()),
    ("generate:candidates", whole(1)),
    ("generate:form", matching(r"[A-Za-z]{1,32}", words="letters of sections, such as AABA").or_null()),
    ("generate:best_of", whole(1).or_null()),
    ("classify:half", one_of(0, 1).or_null()),
    ("generate:critic", path("folder").or_null()),
    ("generate:render", FLAG.or_null()),
    ("evaluate:data.one_key", FLAG.or_null()),
    ("data.form", matching(r"[A-Ea-e]{3,5}", words="3 to 5 sections by letters, such as ABA").or_null()),
    ("data.twins_together", FLAG.or_null()),
    ("vq_vae.strides", _STRIDES),
    ("noise", matching(r"[A-Za-z]\w*", words="a file of conf/noise").or_null()),
    ("bottleneck", matching(r"[A-Za-z]\w*", words="a file of conf/bottleneck")),
    ("data.passage_quarters", whole(1).or_null()),
    ("data.loops", whole(1).or_null()),
    ("generate:loop_bars", whole(1).or_null()),
    ("data.max_pieces", whole(1).or_null()),
    ("evaluate:data.*_fraction", _FRACTION.or_null()),
    ("data.*_fraction", _FRACTION),
    ("evaluate:data.cache_dir", path().or_null()),
    ("data.cache_dir", path()),
    ("cache_dir", path().or_null()),
    ("data.num_workers", whole(0).or_null()),
    ("data.root", path().or_null()),
    ("data.source.root", path().or_null()),
    ("data.source.cache_dir", path().or_null()),
    ("evaluate:data.download", one_of(True, False, "full").or_null()),
    ("data*.download", one_of(True, False, "full")),
    ("shard", matching(r"\s*\d+/\d+\s*", words="a part of all files, such as 0/4 of 0/4 to 3/4").or_null()),
    ("generate:run", path("run")),
    ("export:run", path("run")),
    ("export:to", path()),
    ("export:max_mb", real(0, above=True)),
    ("run", path("run").or_null()),
    ("against", path("folder").or_null()),
    ("init_from", path("run").or_null()),
    ("stage.*.init_from", path("run").or_null()),
    ("resume", path("folder").or_null()),
    ("import:weights", path("folder")),
    ("weights", path("folder").or_null()),
    ("baseline.run", path("run").or_null()),
    ("prompt", path("file").or_null()),
    ("prompt_bars", either(whole(1), matching(r"\d+(-\d*)?", words="bars such as 9-16 or 9-")).or_null()),
    ("*soundfont", path("file").or_null()),
    ("prompt_quarters", whole(1).or_null()),
    ("soundfont", path("file").or_null()),
    ("*num_pieces", whole(1)),
    ("*num_quarters", whole(1)),
    ("generate:tempo_bpm", _TEMPO.or_null()),
    ("*tempo_bpm", _TEMPO),
    ("generate:formats", list_of(one_of("mid", "wav", "opus", "png", "svg", "musicxml"), least=1)),
    ("compare:formats", list_of(one_of("csv", "md", "html", "parquet"), least=1)),
    ("sampling.temperature", real(0, above=True)),
    ("sampling.top_k", whole(1).or_null()),
    ("sampling.top_p", real(0, 1, above=True).or_null()),
    ("sampling.rest_p", real(0, 1, above=True).or_null()),
    ("sampling.min_p", real(0, 1, above=True).or_null()),
    ("sampling.repetition_penalty", real(0, above=True)),
    ("sampling.recall", TABLE.or_null()),
    ("sampling.recall.share", real(0, 1)),
    ("sampling.recall.*", real(0, above=True)),
    ("sampling.*_quarters", whole(1)),
    ("trainer.devices", either(list_of(whole(0), least=1), either(whole(1), one_of("auto", -1)))),
    ("trainer.num_nodes", whole(1)),
    ("trainer.log_every_n_steps", whole(1)),
    ("trainer.precision", either(TEXT, one_of(16, 32, 64))),
    ("trainer.gradient_clip_val", real(0, above=True).or_null()),
    ("trainer.accumulate_grad_batches", whole(1)),
    ("trainer.deterministic", one_of(True, False, "warn")),
    ("trainer.strategy", either(TEXT, TABLE)),
    ("*.lr", real(0)),
    ("*learning_rate", real(0)),
    ("*dropout", _FRACTION),
    ("*.decay", real(0, 1)),
    ("*.warmup", real(0, 1)),
    ("*.final_share", real(0, 1)),
    ("*.betas", list_of(real(0, 1), least=2)),
    ("*.cpu_seconds", real(0, above=True).or_null()),
    ("baseline:baseline.order", whole(1)),
    ("runs:action", one_of("list", "show", "prune")),
    ("studio:port", whole(0, 65535)),
    ("studio:folder", path()),
    ("studio:waiting", whole(1)),
    ("studio:quarters", whole(1)),
    ("runs", list_of(path(), least=1)),
    ("sort", TEXT.or_null()),
    ("group_by", list_of(TEXT).or_null()),
    ("significance", list_of(TEXT)),
    ("front", list_of(TEXT)),
    ("where", TABLE),
    ("better", _DIRECTIONS),
    ("knobs", TABLE),
    ("settings", list_of(TEXT)),
    ("typed", list_of(TEXT)),
    ("search:metrics", list_of(TEXT, least=1)),
    ("max_minutes", real(0, above=True).or_null()),
    ("num_trials", whole(1)),
    ("worker", whole(0)),
    ("every_s", real(0, above=True)),
    ("heartbeat_s", whole(1)),
    ("folds", list_of(whole(0, 4), least=1)),
    ("num_heads", whole(1).or_null()),
    ("page.audio_s", real(0)),
)


def stated_kind(key: str, *, verb: str) -> Kind | None:
    """Look up a setting in the table; None if its default determines the kind.

    Args:
        key: Dotted path.
        verb: Name of the top config.
    """
    for pattern, kind in KINDS:
        limit, _, pattern = pattern.rpartition(":")
        if limit in ("", verb) and fnmatchcase(key, pattern):
            return kind
    return None


def kind_of(key: str, default: Any, *, verb: str) -> Kind:
    """Return the kind of a setting, from the table or else from its default.

    Args:
        key: Dotted path.
        default: A plain value, resolved.
        verb: Name of the top config.
    """
    return stated_kind(key, verb=verb) or _kind_of_default(default)


def _kind_of_default(default: Any) -> Kind:
    if isinstance(default, bool):
        return FLAG
    if isinstance(default, int):
        return whole(min(0, default))
    if isinstance(default, float):
        return real()
    if isinstance(default, str):
        return TEXT if default else PLAIN
    if isinstance(default, list):
        return list_of(_kind_of_default(default[0])) if default else list_of(ANYTHING)
    return ANYTHING if default is None else TABLE
