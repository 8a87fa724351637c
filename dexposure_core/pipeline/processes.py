"""Work spread over processes, for work that needs Python's lock most of the time (decoding JSON into objects).

Threads gain nothing there: measured on two cores, two threads took the time of one. A worker is a plain
`python -m dexposure_core.pipeline.processes` that reads pickles from its standard input and answers on its standard
output. So it needs nothing of the program that started it (multiprocessing would run a caller's script again), and it
ends by itself when that program is gone, however it went: its input ends.
"""

from __future__ import annotations

import importlib
import os
import pickle
import subprocess
import sys
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from io import BufferedReader, BufferedWriter, BytesIO
from mmap import mmap
from queue import SimpleQueue
from typing import Any, BinaryIO, Final, Self, TypeVar

import polars as pl

from dexposure_core.errors import DexposureError

_Given = TypeVar("_Given")
_Result = TypeVar("_Result")
_ENVIRONMENT: Final = {
    "POLARS_MAX_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": "1048576",
    "MALLOC_TRIM_THRESHOLD_": "4194304",
}
"""One thread each, as the processes share the cores; large blocks go back to the system when they are freed (glibc)."""


class WorkerLost(DexposureError, RuntimeError):
    """A worker process ended before it answered, mostly because it was killed for memory."""


def spread(
    work: Callable[[_Given], Iterable[_Result]], parts: Sequence[_Given], workers: int
) -> Generator[_Result, None, None]:  # fmt: skip
    """Yield what `work` yields for every part, in the order of the parts; see `Workers.spread`."""
    with Workers(min(workers, len(parts))) as ready:
        yield from ready.spread(work, parts)


class Workers:
    """Processes that wait for work; a context manager, at whose end they are gone.

    Args:
        count: how many; 1 works in this process.
        module: what they import while the work is still being prepared, which takes them a second.
    """

    def __init__(self, count: int, module: str = "") -> None:
        self.count = count
        self._module = module

    def __enter__(self) -> Self:
        self._open = ExitStack()
        self._pool = self._open.enter_context(ThreadPoolExecutor(max(1, self.count), thread_name_prefix="process"))
        several = range(self.count if self.count > 1 else 0)
        # Entered last, so that after an error they are gone before threads are waited for.
        self._workers = [self._open.enter_context(Worker(self._module)) for _ in several]
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def spread(self, work: Callable[[_Given], Iterable[_Result]], parts: Sequence[_Given]) -> Iterator[_Result]:
        """Yield what `work` yields for every part, in order, as many under way as there are workers; asked only once.

        Args:
            work: can be pickled, and so can what it is given and what it yields; an error it raises is raised here.
            parts: of about the same size; the results of a part wait here for those of the parts before it.

        Raises:
            WorkerLost: a process was killed.
        """
        if not self._workers:
            for part in parts:
                yield from work(part)
            return
        idle: SimpleQueue[Worker] = SimpleQueue()
        for worker in self._workers:
            worker.take(work)
            idle.put(worker)
        waiting: deque[_Answers] = deque()
        for part in parts:
            waiting.append(SimpleQueue())
            self._pool.submit(_ask, idle, part, waiting[-1])
            if len(waiting) > self.count:
                yield from _each(waiting.popleft())
        while waiting:
            yield from _each(waiting.popleft())
        self._open.close()  # whoever took the last result needs the memory


_Answers = SimpleQueue["bytes | mmap | BaseException | None"]
"""The pickled results of a part as they come; None after the last, an error in place of the rest."""


def _ask(idle: SimpleQueue[Worker], part: object, answers: _Answers) -> None:
    worker = idle.get()
    try:
        for answer in worker.ask(part):
            answers.put(answer)
        answers.put(None)
    except BaseException as error:  # noqa: BLE001  raised where the results are taken
        answers.put(error)
    finally:
        idle.put(worker)


def _each(answers: _Answers) -> Iterator[Any]:
    while (answer := answers.get()) is not None:
        if isinstance(answer, BaseException):
            raise answer
        result = pickle.loads(answer)  # noqa: S301  from our own process
        del answer  # megabytes that nobody needs any more
        yield result


class Worker:
    """One process; a context manager, at whose end it is gone.

    Args:
        module: what it imports before it takes work.
    """

    def __init__(self, module: str = "") -> None:
        self._module = module

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # noqa: S603  our own program
            [sys.executable, "-m", __name__, *filter(None, [self._module])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | _ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # Ctrl-C is for the program that waits; it ends its workers
        )
        assert isinstance(self._process.stdin, BufferedWriter)  # noqa: S101  both opened as pipes
        assert isinstance(self._process.stdout, BufferedReader)  # noqa: S101
        self._questions, self._answers = self._process.stdin, self._process.stdout
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # it holds nothing that is not here already; to end by itself takes it longer
        with suppress(BrokenPipeError):  # what a dead process did not take
            self._questions.close()
        self._answers.close()
        self._process.wait()

    def take(self, work: Callable[[Any], Iterable[Any]]) -> None:
        """Hand over what is to be done with every part; said once."""
        self._write(pickle.dumps(work))

    def results(self, part: object) -> Iterator[Any]:
        """Yield the results of a part; an error it raises is raised here.

        Raises:
            WorkerLost: the process was killed.
        """
        for answer in self.ask(part):
            yield pickle.loads(answer)  # noqa: S301  from our own process

    def ask(self, part: object) -> Iterator[bytes | mmap]:
        """Yield the pickled results of a part."""
        self._write(pickle.dumps(part))
        while True:
            kind, content = self._read()
            if kind == _RESULT:
                yield content
            elif kind == _ERROR:
                raise pickle.loads(content)  # noqa: S301  from our own process
            else:
                return

    def _write(self, content: bytes) -> None:
        try:
            _send(self._questions, _RESULT, content)
        except BrokenPipeError:
            raise self._lost() from None

    def _read(self) -> tuple[bytes, bytes | mmap]:
        found = _receive(self._answers)
        if found is None:
            raise self._lost()
        return found

    def _lost(self) -> WorkerLost:
        return WorkerLost(
            f"a worker process ended with status {self._process.wait()}, perhaps for want of memory; try again, "
            "with DEXPOSURE_THREADS=1 if it happens again"
        )


class _Packer(pickle.Pickler):
    """Pickles frames compressed: a quarter of the bytes, in less time than they take as they are."""

    def reducer_override(self, thing: Any) -> Any:
        if not isinstance(thing, pl.DataFrame):
            return NotImplemented
        content = BytesIO()
        thing.write_ipc_stream(content, compression="lz4")
        return pl.read_ipc_stream, (content.getvalue(),)


def _packed(thing: object) -> bytes:
    content = BytesIO()
    _Packer(content, pickle.HIGHEST_PROTOCOL).dump(thing)
    return content.getvalue()


_RESULT, _ERROR, _DONE = b"r", b"e", b"d"
_LENGTH: Final = 8


def _send(stream: BinaryIO, kind: bytes, content: bytes = b"") -> None:
    stream.write(kind + len(content).to_bytes(_LENGTH, "little"))
    stream.write(content)
    stream.flush()


def _receive(stream: BufferedReader) -> tuple[bytes, bytes | mmap] | None:
    """Return kind and content of the next message; None when the other side is gone."""
    head = stream.read(1 + _LENGTH)
    if len(head) < 1 + _LENGTH:
        return None
    size = int.from_bytes(head[1:], "little")
    if not size:
        return head[:1], b""
    content = mmap(-1, size)  # large and short-lived: its pages go back to the system at once
    return (head[:1], content) if stream.readinto(content) == size else None


def serve(questions: BufferedReader, answers: BinaryIO) -> None:
    """Answer until the questions end: the first message is the work, every other one a part."""
    if (first := _receive(questions)) is None:
        return
    work = pickle.loads(first[1])  # noqa: S301  from the program that started this
    while (question := _receive(questions)) is not None:
        try:
            for result in work(pickle.loads(question[1])):  # noqa: S301
                _send(answers, _RESULT, _packed(result))
            _send(answers, _DONE)
        except BrokenPipeError:
            return
        except Exception as error:  # noqa: BLE001  whatever it is belongs to the program that asked
            _send(answers, _ERROR, _pickled(error))


def _pickled(error: Exception) -> bytes:
    """Return a refusal as it is; anything else is our own fault and comes with where it happened."""
    if isinstance(error, DexposureError):
        return pickle.dumps(error)
    return pickle.dumps(RuntimeError("".join(traceback.format_exception(error))))


def _main(modules: Sequence[str]) -> None:
    """Serve the program that started this; what anything prints goes to the standard error output."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for module in modules:
        importlib.import_module(module)
    with os.fdopen(0, "rb", closefd=False) as questions:
        serve(questions, answers)
    os._exit(0)  # nobody is left to be told: neither a half-sent answer nor a job under way in a thread matters now


if __name__ == "__main__":
    _main(sys.argv[1:])
