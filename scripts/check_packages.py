"""Check the packages that are installed here: against a lock with hashes, and for known vulnerabilities.

    python scripts/check_packages.py lock   # write requirements.lock for this machine
    python scripts/check_packages.py check  # the index serves the locked versions with the locked hashes
    python scripts/check_packages.py audit  # ask osv.dev about every installed version, where it answers

`check` ends with 1 when a file was replaced in the index or taken from it. Versions newer than the locked
ones are listed and no mistake: the lock says what was last tried together. `audit` ends with 1 when an
installed version has a known vulnerability, and with 0 and a word when nobody can be asked.
"""

import importlib.metadata
import json
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
OSV = "https://api.osv.dev/v1/querybatch"
TIMEOUT_S = 20
PIP = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
HEADER = """\
# What was last tried together, on Linux x86-64 with Python 3.11. Builds of one's own are left out: {local}.
# Written by: python scripts/check_packages.py lock
"""


def report(*arguments: str) -> dict[str, tuple[str, str]]:
    """Ask pip what it would install; give version and SHA-256 by normalised name, the project left out."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "report.json")
        done = subprocess.run(
            [*PIP, "--report", str(path), *arguments], capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"pip cannot find what the lock names:\n{done.stderr[-2000:]}")
        found = json.loads(path.read_text(encoding="utf-8"))["install"]
    return {
        normalised(one["metadata"]["name"]): (
            one["metadata"]["version"],
            one["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for one in found
        if "archive_info" in one["download_info"]
    }


def normalised(name: str) -> str:
    """Give the one spelling of a package's name that the index knows."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> dict[str, str]:
    """Give the versions of what is installed, by normalised name, the project left out."""
    found = {normalised(one.metadata["Name"]): one.version for one in importlib.metadata.distributions()}
    found.pop("musicgen-lab", None)
    return found


def read_lock(text: str) -> dict[str, tuple[str, str]]:
    """Read version and hash of each locked package."""
    lines = re.findall(r"^(\S+)==(\S+) --hash=sha256:([0-9a-f]{64})$", text, re.MULTILINE)
    return {name: (version, sha256) for name, version, sha256 in lines}


def write_lock() -> None:
    """Lock what pip would install for development."""
    packages = report(f"{ROOT}[dev]")
    local = [f"{name} {version}" for name, (version, _) in packages.items() if "+" in version]
    lines = [
        f"{name}=={version} --hash=sha256:{sha256}\n"
        for name, (version, sha256) in sorted(packages.items())
        if "+" not in version
    ]
    LOCK.write_text(HEADER.format(local=", ".join(local) or "none") + "".join(lines), encoding="utf-8")
    print(f"{LOCK.name}: {len(lines)} packages")


def check() -> int:
    """Compare what the index serves for the locked versions with the locked hashes; count the differences."""
    locked = read_lock(LOCK.read_text(encoding="utf-8"))
    served = report("--no-deps", *(f"{name}=={version}" for name, (version, _) in locked.items()))
    replaced = sorted(name for name, (_, sha256) in locked.items() if served[name][1] != sha256)
    for name in replaced:
        print(f"{name} {locked[name][0]}: the index serves {served[name][1]}, locked is {locked[name][1]}")
    here = installed()
    moved = [
        f"{name} {here[name]}"
        for name in sorted(locked)
        if here.get(name, locked[name][0]) != locked[name][0]
    ]
    print(f"{len(locked)} locked packages, {len(replaced)} replaced in the index")
    print(f"installed in another version than the locked one: {', '.join(moved) or 'none'}")
    return len(replaced)


def audit(packages: Mapping[str, str], *, url: str = OSV) -> dict[str, list[str]] | None:
    """Ask a vulnerability service about versions.

    Args:
        packages: Versions by name.
        url: The service, as osv.dev answers.

    Returns:
        Identifiers of known vulnerabilities by package; None where the service cannot be reached.
    """
    queries = [
        {"package": {"name": name, "ecosystem": "PyPI"}, "version": version.partition("+")[0]}
        for name, version in packages.items()
    ]
    body = json.dumps({"queries": queries}).encode()
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            results: list[dict[str, Any]] = json.load(answer)["results"]
    except (OSError, urllib.error.URLError, ValueError, KeyError) as error:
        print(f"{url} cannot be asked ({error})")
        return None
    return {
        name: [one["id"] for one in result["vulns"]]
        for name, result in zip(packages, results, strict=True)
        if result.get("vulns")
    }


def show_audit() -> int:
    """Print what is known of the installed versions; count those with a vulnerability."""
    packages = installed()
    found = audit(packages)
    if found is None:
        print(f"NOT checked for known vulnerabilities: {len(packages)} packages")
        return 0
    for name, identifiers in found.items():
        print(f"{name} {packages[name]}: {', '.join(identifiers)}")
    print(f"{len(packages)} packages asked about, {len(found)} with known vulnerabilities")
    return len(found)


def main() -> None:
    """Run what the command line names."""
    wanted = sys.argv[1:] or ["check", "audit"]
    if not set(wanted) <= {"lock", "check", "audit"}:
        sys.exit(__doc__)
    if "lock" in wanted:
        write_lock()
    counts = [run() for name, run in (("check", check), ("audit", show_audit)) if name in wanted]
    sys.exit(min(1, sum(counts)))


if __name__ == "__main__":
    main()
