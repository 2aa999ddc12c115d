"""One check of a verb's settings before anything is read, written or trained."""

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException
from omegaconf import MISSING, DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from musicgen.cli.shared.settings.command_line import CommandLine
from musicgen.cli.shared.settings.composition import (
    chooses_group,
    composed_groups,
    options_of,
    parse,
    resolved,
    values_of,
)
from musicgen.cli.shared.settings.required import check_extras, check_paths, check_required
from musicgen.cli.shared.settings.several_values import check_several
from musicgen.cli.shared.settings.usage import UsageError, nearest
from musicgen.config.kinds import TABLE, Kind
from musicgen.config.schema import TABLES, kind_of, stated_kind

ADDABLE = ("callbacks", "logger", "own_metrics")  # groups of objects by names of the user's own
REMOVABLE = (
    *ADDABLE,
    *TABLES,
    "sampler",
    "pruner",
    "optimizer",
    "scheduler",
)  # whose settings may be left out
OURS = {  # arguments of Lightning's Trainer that a run sets itself, or that leave it nothing to measure
    "fast_dev_run": "a quick try is epochs=1 data.max_pieces=8",
    "limit_train_batches": "fewer updates are updates_per_epoch.vq_vae=N, fewer pieces data.max_pieces=N",
    "limit_val_batches": "every held-out piece is measured; fewer pieces are data.max_pieces=N",
    "limit_test_batches": "fewer pieces are data.max_pieces=N",
    "limit_predict_batches": "fewer pieces are data.max_pieces=N",
    "overfit_batches": "fewer pieces are data.max_pieces=N",
    "max_epochs": "type epochs=N, or max_epochs.vq_vae=N",
    "min_epochs": "type epochs=N, or max_epochs.vq_vae=N",
    "max_steps": "type updates_per_epoch.vq_vae=N and epochs=N",
    "min_steps": "type updates_per_epoch.vq_vae=N and epochs=N",
    "check_val_every_n_epoch": "every epoch is measured, since the best is kept",
    "val_check_interval": "every epoch is measured at its end, since the best is kept",
    "logger": "type logger=NAME",
    "callbacks": "type +callbacks.NAME._target_=CLASS",
    "default_root_dir": "type hydra.run.dir=DIR",
    "enable_checkpointing": "a run keeps its checkpoints",
    "barebones": "a run keeps its checkpoints and metrics",
    "inference_mode": "it is for other uses of Lightning",
    "enable_progress_bar": "type callbacks=none, or -m with a launcher",
}


def composed(line: CommandLine, *, takes_intervals: bool = False) -> DictConfig:
    """Compose what a command line asks for, Hydra's part with it, and check every setting.

    Of a sweep, the config has the first value of each setting; all of its values are checked.

    Args:
        line: What was typed.
        takes_intervals: A search draws from them; a sweep cannot list them.

    Raises:
        UsageError: A setting is unknown, of the wrong kind, or missing; the message says what to type.
    """
    overrides = parse(line.overrides)
    groups = [override for override in overrides if chooses_group(override, verb=line.verb)]
    settings = [override for override in overrides if override not in groups]
    config = composed_groups(line.verb, groups)
    know_hydra(config)
    check_several(overrides, config, line, takes_intervals=takes_intervals)
    keys = [key for key, _ in nodes(config)]
    for override in settings:  # what is built decides which arguments may be added
        if override.key_or_group.endswith("._target_") and override.key_or_group in keys:
            for target in values_of(override)[:1]:
                OmegaConf.update(config, override.key_or_group, target)
    for override in settings:
        _check_key(override, config, keys, verb=line.verb)
    for override in settings:
        _check_values(override, config, verb=line.verb)
        if override.is_delete():
            _leave_out(config, override.key_or_group)
        for value in values_of(override)[:1]:
            OmegaConf.update(config, override.key_or_group, value, force_add=True)
    OmegaConf.set_readonly(config.hydra, False)
    config.hydra.overrides.task = [o.input_line for o in overrides if not o.key_or_group.startswith("hydra")]
    know_hydra(config)
    for override in settings:
        _check_reference(override, config, verb=line.verb)
    _check_config(config, verb=line.verb)
    if not line.options:
        check_required(config, verb=line.verb)
        check_extras(config, verb=line.verb)
        check_paths(config, verb=line.verb)
    if line.verb == "search":
        runs = [*config.settings, *config.typed, *(f"{key}={text}" for key, text in config.knobs.items())]
        composed(CommandLine("train", tuple(runs), is_sweep=True), takes_intervals=True)
    return config


def _leave_out(config: DictConfig, key: str) -> None:
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(config, parent) if parent else config
    if isinstance(node, DictConfig) and name in node:  # of `~group.key` typed twice it is gone already
        with open_dict(node):
            del node[name]


def know_hydra(config: DictConfig) -> None:
    """Let `${hydra:...}` refer to a config's Hydra part; this copies it, so not for every setting."""
    HydraConfig.instance().set_config(config)


def nodes(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """List dotted path and node of all groups and settings of a config; tables are not looked into."""
    for name in config:
        key, node = f"{prefix}{name}", config._get_node(name)
        if key == "hydra":
            continue
        yield key, node
        is_group = isinstance(node, DictConfig) and not node._is_interpolation() and not node._is_none()
        if is_group and key not in TABLES:
            yield from nodes(node, f"{key}.")


def _check_key(override: Override, config: DictConfig, keys: Sequence[str], *, verb: str) -> None:
    """Refuse unknown settings, and changes that a run would not notice or not survive."""
    key, parent = override.key_or_group, override.key_or_group.rpartition(".")[0]
    top = key.split(".")[0]
    if top in TABLES and top in config:
        return
    if override.is_delete():
        if parent.split(".")[0] not in REMOVABLE or key not in keys:
            raise UsageError(f"~{key}: this cannot be left out; type {key}=VALUE, see musicgen {verb} --help")
        return
    known = key in keys or (OmegaConf.select(config, parent) is not None and _has(config, key))
    if known:
        if parent == "trainer":
            _check_trainer(key)
        return
    node = OmegaConf.select(config, parent) if parent else None
    is_added = override.type in (OverrideType.ADD, OverrideType.FORCE_ADD)
    if is_added and top in ADDABLE:
        return
    if is_added and isinstance(node, DictConfig) and "_target_" in node:
        _check_argument(key, str(node["_target_"]), verb=verb)
        return
    value = str(override.input_line).partition("=")[2]
    if parent == "trainer":
        _check_trainer(key)
    guess = nearest(key, [name for name in keys if _is_leaf(config, name)]) or nearest(key, keys)
    if not guess and top == "trainer":
        raise UsageError(f"{override.input_line}: to pass a new argument to the trainer type +{key}={value}")
    hint = f"did you mean {' or '.join(f'{name}={value}' for name in guess)}?" if guess else ""
    if key in OURS:
        hint = OURS[key]
    raise UsageError(
        f"{override.input_line}: musicgen {verb} has no setting `{key}`; "
        + (hint or f"musicgen {verb} --help lists all")
    )


def _is_leaf(config: DictConfig, key: str) -> bool:
    return not isinstance(resolved(config, key), dict)


def _has(config: DictConfig, key: str) -> bool:
    """Return whether a setting is there, also behind an interpolation (`vq_vae.quantizer.decay`)."""
    parent, _, name = key.rpartition(".")
    try:
        node = OmegaConf.select(config, parent) if parent else config
    except OmegaConfBaseException:
        return False
    return isinstance(node, DictConfig) and name in node


def _check_trainer(key: str) -> None:
    argument = key.rpartition(".")[2]
    if argument in OURS:
        raise UsageError(f"{key}: a run decides this itself; {OURS[argument]}")


def _check_argument(key: str, target: str, *, verb: str) -> None:
    """Refuse an added argument that the class would not take."""
    from hydra.utils import get_object

    if key.startswith("trainer."):
        _check_trainer(key)
    argument = key.rpartition(".")[2]
    try:
        parameters = inspect.signature(get_object(target)).parameters
    except (ImportError, ValueError, TypeError, HydraException):
        return  # what cannot be asked says so when it is built
    if argument in parameters or argument in ("_target_", "_partial_", "_args_", "_convert_", "_recursive_"):
        return
    if any(parameter.kind == inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    guess = nearest(argument, parameters)
    more = f"; did you mean +{key.rpartition('.')[0]}.{guess[0]}?" if guess else ""
    raise UsageError(f"+{key}: {target} takes no argument `{argument}`{more}")


def _check_values(override: Override, config: DictConfig, *, verb: str) -> None:
    key = override.key_or_group
    typed = values_of(override)
    if any(value == MISSING or (isinstance(value, list) and MISSING in value) for value in typed):
        raise UsageError(f"{override.input_line}: {MISSING} stands where a value is missing; type one")
    if key.split(".")[0] in TABLES:
        for value in typed if "." not in key else []:
            check_value(key, value, TABLE)
        return
    default = resolved(config, key)
    for value in typed:
        if isinstance(default, dict) and not (value is None and stated_kind(key, verb=verb)):
            _check_group(key, value, default, config, override, verb=verb)
        else:
            check_value(key, value, kind_of(key, default, verb=verb))


def _check_group(
    key: str, value: Any, default: dict, config: DictConfig, override: Override, *, verb: str
) -> None:
    if stated_kind(key, verb=verb) is not None and not default:
        check_value(key, value, kind_of(key, default, verb=verb))
        return
    if not isinstance(value, dict):
        names = [name for name in default if not str(name).startswith("_")]
        shown = " or ".join(f"{key}.{name}={_shown(value)}" for name in names[:3])
        options = options_of(key)
        more = f"; or choose one by name: {key}={'|'.join(options)}" if options else ""
        raise UsageError(f"{override.input_line}: `{key}` is a group of settings; type {shown}{more}")
    for name, part in value.items():
        if name not in default and "_target_" not in default and key.split(".")[0] not in (*TABLES, *ADDABLE):
            guess = nearest(str(name), map(str, default))
            more = f"; did you mean {guess[0]}?" if guess else f"; it has {', '.join(map(str, default))}"
            raise UsageError(f"{override.input_line}: `{key}` has no setting `{name}`{more}")
        if name in default and not isinstance(default[name], dict):
            check_value(f"{key}.{name}", part, kind_of(f"{key}.{name}", default[name], verb=verb))


def _check_reference(override: Override, config: DictConfig, *, verb: str) -> None:
    """Refuse a value that refers to a setting which is not there, or has another kind of value."""
    text = str(override.input_line).partition("=")[2]
    if "${" not in text or override.is_delete():
        return
    key = override.key_or_group
    try:
        node = OmegaConf.select(config, key)
        value = OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
    except (OmegaConfBaseException, ValueError) as error:
        if "${hydra:" in text:
            return  # what only a running job knows
        reason = str(error).splitlines()[0]
        raise UsageError(f"{override.input_line}: {reason}") from error
    if (kind := stated_kind(key, verb=verb)) is not None:
        check_value(key, value, kind)


def _shown(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def check_value(key: str, value: Any, kind: Kind) -> None:
    """Refuse a value that is not of its setting's kind.

    Raises:
        UsageError: It is not; the message says what the setting takes.
    """
    if isinstance(value, str) and "${" in value:
        return  # an interpolation: its value is looked at where it leads to
    if not kind.accepts(value):
        shown = _shown(value) or "''"
        raise UsageError(f"{key}={shown}: {key} takes {kind.words}")


def _check_config(config: DictConfig, *, verb: str) -> None:
    """Check all settings that the table knows, whoever set them: an experiment's yaml has mistakes, too."""
    for key, node in nodes(config):
        kind = stated_kind(key, verb=verb)
        is_group = isinstance(node, DictConfig) and key not in TABLES and not node._is_none()
        if kind is not None and not is_group and not node._is_missing() and not node._is_interpolation():
            check_value(key, resolved(config, key), kind)
