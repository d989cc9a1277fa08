"""Lines that a person types, or that a program pipes in, without blocking the loop.

On a terminal prompt_toolkit keeps the line that is being typed at the bottom, whole, while messages are printed
above it. Anywhere else lines are read as they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Protocol, TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.patch_stdout import patch_stdout


class LineReader(Protocol):
    """Where lines come from."""

    def opened(self) -> contextlib.AbstractContextManager[None]:
        """While this is entered, what is printed does not disturb what is typed."""

    def lines(self, prompt: Callable[[], str]) -> AsyncIterator[str]:
        """Each line, without its end; the iteration ends with the input. ``prompt`` is asked before each."""


def reader_for(stdin: TextIO) -> LineReader:
    """Choose by what ``stdin`` is."""
    return TerminalReader() if stdin.isatty() else PlainReader(stdin)


class TerminalReader:
    """A person at a terminal: editing, history with the arrow keys, Ctrl-C and Ctrl-D to leave."""

    def opened(self) -> contextlib.AbstractContextManager[None]:
        """Print above the line that is being typed."""
        return patch_stdout(raw=True)

    async def lines(self, prompt: Callable[[], str]) -> AsyncIterator[str]:
        """What the person types. The line is erased when it is done: the chat prints it in its own form."""
        session: PromptSession[str] = PromptSession(erase_when_done=True)
        while True:
            try:
                yield await session.prompt_async(prompt)
            except (EOFError, KeyboardInterrupt):
                return


class PlainReader:
    """A pipe or a file.

    Args:
        stdin: Read by a thread that waits for one line at a time and does not keep the process alive.
    """

    def __init__(self, stdin: TextIO) -> None:
        self._stdin = stdin

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Nothing to do: nobody is typing."""
        yield

    async def lines(self, prompt: Callable[[], str]) -> AsyncIterator[str]:
        """Lines up to the end of the input; nobody is prompted."""
        while line := await self._read_line():
            yield line.rstrip("\r\n")

    async def _read_line(self) -> str:
        loop = asyncio.get_running_loop()
        arrived: asyncio.Future[str] = loop.create_future()

        def settle(line: str) -> None:
            if not arrived.done():
                arrived.set_result(line)

        def read() -> None:
            try:
                line = self._stdin.readline()
            except (OSError, ValueError):  # ValueError: closed, or no text. Either way there is no more.
                line = ""
            with contextlib.suppress(RuntimeError):  # The loop is gone: nobody waits for this line.
                loop.call_soon_threadsafe(settle, line)

        threading.Thread(target=read, name="chat input", daemon=True).start()
        return await arrived
