"""A PostgreSQL server of one's own: in a folder, without a port, gone when the tests end."""

import contextlib
import getpass
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


def _program(name: str) -> str | None:
    """Find a program of the server; Debian keeps them off the path."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which(name) or next((str(p / name) for p in places if (p / name).is_file()), None)


def _user() -> str:
    """Name who runs the server: it refuses root, and brings a user of its own."""
    if os.geteuid() != 0:
        return getpass.getuser()
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        pytest.skip("PostgreSQL will not run as root and there is no user postgres")


@contextlib.contextmanager
def postgres_server() -> Iterator[str]:
    """Start a server and give the address of its database; skip where PostgreSQL is not installed."""
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql): its storage is not tried")
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'musicgen-lab[postgres]'")
    user = _user()
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="pg") as folder:
        shutil.chown(folder, user)
        run = {"user": user if os.geteuid() == 0 else None, "check": True, "capture_output": True, "cwd": "/"}
        data, log = f"{folder}/data", f"{folder}/log"
        subprocess.run([initdb, "-D", data, "-A", "trust", "-U", "lab", "--no-sync"], **run)
        options = f"-k {folder} -c listen_addresses='' -c fsync=off"
        subprocess.run([pg_ctl, "-D", data, "-l", log, "-w", "-o", options, "start"], **run)
        try:
            yield f"postgresql://lab@/postgres?host={folder}"
        finally:
            subprocess.run([pg_ctl, "-D", data, "-w", "-m", "immediate", "stop"], **run)
