"""Quote and parse values of Hydra's command line."""

import re
from typing import Any

_ELEMENT = re.compile(
    r"""\s*(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")\s*(?=[\][{}(),:=]|$)|[^\][{}(),:=]+|[\][{}(),:=]"""
)
_READABLE = re.compile(r"""[\w/\-\\+.$%*@?|\s]*|\s*'.*'\s*|\s*".*"\s*|[\][{}(),:=]""", re.ASCII | re.DOTALL)


def quoted(value: str) -> str:
    """Quote a value with single quotes for Hydra."""
    escaped = re.sub(r"(\\*)('|$)", lambda found: 2 * found[1] + (r"\'" if found[2] else ""), value)
    return f"'{escaped}'"


def written(value: Any) -> str:
    """Format a plain value for Hydra, with strings quoted."""
    if isinstance(value, list):
        return f"[{','.join(map(written, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{key}:{written(part)}' for key, part in value.items())}}}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return quoted(value) if isinstance(value, str) else repr(value)


def readable(argument: str) -> str:
    """Quote characters in `key=value` that Hydra cannot parse: such as accents, apostrophes, `#`, brackets.

    Args:
        argument: As typed.

    Returns:
        The argument, quoted as little as needed; unchanged if not needed or not possible.
    """
    key, equals, value = argument.partition("=")
    if not equals:
        return argument
    attempts = (value, _with_odd_elements_quoted(value), _with_parts_quoted(value), quoted(value))
    for attempt in attempts:
        if can_be_parsed(f"{key}={attempt}"):
            return f"{key}={attempt}"
    return argument


def can_be_parsed(argument: str) -> bool:
    """Check whether Hydra can parse an argument."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        OverridesParser.create().parse_override(argument)
    except HydraException:
        return False
    return True


def plain_value(value: Any) -> Any:
    """Convert a parsed value to plain strings, numbers, lists and dictionaries."""
    from hydra.core.override_parser.types import QuotedString

    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return [plain_value(part) for part in value]
    if isinstance(value, dict):
        return {str(plain_value(key)): plain_value(part) for key, part in value.items()}
    return value


def _with_odd_elements_quoted(value: str) -> str:
    parts = [found[0] for found in _ELEMENT.finditer(value)]
    return "".join(part if _READABLE.fullmatch(part) else quoted(part.strip()) for part in parts)


def _with_parts_quoted(value: str) -> str:
    """Quote each part between commas, inside of a pair of square brackets if present."""
    text = value.strip()
    inner = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    parts = [part if _READABLE.fullmatch(part) else quoted(part.strip()) for part in inner.split(",")]
    return f"[{','.join(parts)}]" if inner is not text else ",".join(parts)
