"""A process beside the server, started again when it dies."""

import multiprocessing
import os
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

Main = Callable[..., None]
Receive = Callable[[tuple[Any, ...] | None], None]


class SideProcess:
    """Runs a function in a process of its own and carries messages both ways.

    The process ends by itself when this one does, however that ends: its connection is closed then.

    Args:
        main: Called there with its end of the connection, then with `arguments`; picklable.
        arguments: For `main`; picklable.
        receive: Called here, in a thread of its own, with each message, and with None when the process has
            died. It must not block.
        name: For process lists.
    """

    def __init__(self, main: Main, *, arguments: tuple[Any, ...], receive: Receive, name: str) -> None:
        self.main, self.arguments, self.receive, self.name = main, arguments, receive, name
        self.process: BaseProcess | None = None
        self.connection: Connection | None = None
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Its number; None while it does not run."""
        return self.process.pid if self.process is not None and self.process.is_alive() else None

    def send(self, message: tuple[Any, ...]) -> None:
        """Send a message; starts the process if it does not run. What is sent to a dying process is lost."""
        with self._lock:
            if self.connection is None:
                self._start()
            assert self.connection is not None
            try:
                self.connection.send(message)
            except (BrokenPipeError, ConnectionResetError, OSError):
                return  # the reading thread finds out, and says so

    def stop(self) -> None:
        """End the process."""
        with self._lock:
            process, connection, self.connection = self.process, self.connection, None
        if connection is not None:
            connection.close()
        if process is not None:
            process.terminate()
            process.join(5)

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        self.process = context.Process(
            target=self.main, args=(there, *self.arguments), name=self.name, daemon=True
        )
        self.process.start()
        there.close()
        self.connection = here
        reader = threading.Thread(target=self._read, args=(here,), name=f"{self.name}-reader", daemon=True)
        reader.start()

    def _read(self, connection: Connection) -> None:
        while True:
            try:
                message = connection.recv()
            except (EOFError, OSError):
                break
            self.receive(message)
        with self._lock:
            lost = self.connection is connection
            if lost:
                self.connection = None
                connection.close()
        if lost:
            self.receive(None)


def politely(steps: int = 10) -> None:
    """Let other processes go first, where the system can."""
    if hasattr(os, "nice"):
        os.nice(steps)
