"""Every dependency is used where it is declared, and nothing is imported that is not declared."""

import ast
import functools
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Distributions whose import name cannot be guessed from their own, also where an extra is not installed.
IMPORT_NAMES = {
    "hydra-core": "hydra",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
    "resvg-py": "resvg_py",
}
# Used without an import: what shows that they are.
SIGNS = {
    "hydra-joblib-launcher": ("docs/sweeps.md", "hydra/launcher=joblib"),
    "hydra-submitit-launcher": ("docs/sweeps.md", "hydra/launcher=submitit_slurm"),
    "hydra-ray-launcher": ("docs/sweeps.md", "hydra/launcher=ray"),
    "wandb": ("conf/logger/wandb.yaml", "WandbLogger"),
    "mlflow": ("conf/logger/mlflow.yaml", "MLFlowLogger"),
    "psycopg": ("docs/search.md", "postgresql://"),
    "ipykernel": ("notebooks/explore_runs.ipynb", '"python3"'),
    "import-linter": (".ci/run", "lint-imports"),
    "nbstripout": (".pre-commit-config.yaml", "nbstripout"),
    "pre-commit": ("CONTRIBUTING.md", "pre-commit install"),
    "pyright": (".ci/run", "pyright"),
    "pytest-xdist": ("pyproject.toml", "-n auto"),
    "ruff": (".ci/run", "ruff check"),
    "mkdocs-material": ("mkdocs.yml", "name: material"),
    "mkdocstrings": ("mkdocs.yml", "mkdocstrings:"),
    "hatchling": ("tests/cli/test_export.py", '"hatchling"'),
    "pretty-midi": ("musicgen/music/render/sound.py", '"pretty_midi"'),
}


def declared(lines: Iterable[str]) -> set[str]:
    """Names of distributions, the project's own extras left out."""
    names = {re.split(r"[^A-Za-z0-9._-]", line)[0].lower().replace("_", "-") for line in lines}
    return names - {"musicgen-lab"}


def import_name(distribution: str) -> str:
    return IMPORT_NAMES.get(distribution, distribution.replace("-", "_"))


@functools.cache
def imported(*folders: str) -> set[str]:
    """Top-level names that the Python files of folders import, at any depth."""
    names: set[str] = set()
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names)


CORE = declared(PROJECT["dependencies"])
EXTRAS = {name: declared(lines) for name, lines in PROJECT["optional-dependencies"].items()}


def test_the_package_imports_every_core_dependency() -> None:
    assert {name for name in CORE if import_name(name) not in imported("musicgen")} == set()


def test_every_extra_is_used() -> None:
    used = imported("musicgen", "tests", "scripts")
    for name in set().union(*EXTRAS.values()):
        if name in SIGNS:
            path, sign = SIGNS[name]
            assert sign in (ROOT / path).read_text(encoding="utf-8"), f"{name}: no {sign} in {path}"
        else:
            assert import_name(name) in used, f"{name} is declared and not imported"


def test_nothing_undeclared_is_imported() -> None:
    for_users = {import_name(name) for extra in EXTRAS if extra != "dev" for name in EXTRAS[extra]}
    own = {import_name(name) for name in CORE} | for_users
    assert imported("musicgen") - own == {"musicgen"}
    scripts = {path.stem for path in (ROOT / "scripts").iterdir()}
    allowed = own | {import_name(name) for name in EXTRAS["dev"]} | scripts | {"musicgen", "tests"}
    assert imported("tests", "scripts") - allowed == set()


def test_import_names_are_those_of_the_installed_distributions() -> None:
    known = importlib.metadata.packages_distributions()
    for name in CORE:
        owners = {one.lower().replace("_", "-") for one in known.get(import_name(name), [])}
        assert name in owners, f"{name} does not provide {import_name(name)}"
