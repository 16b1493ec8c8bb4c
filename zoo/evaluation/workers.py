"""Who checks and answers the parts of an evaluation: this process, or several others side by side.

Parts, batches and their order are the same, and so is what comes out.
"""

import collections
import concurrent.futures
import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from zoo.errors import InputError, ProcessError
from zoo.evaluation.inputs import Folded
from zoo.evaluation.sources import File, InMemory
from zoo.pipeline import Pipeline
from zoo.tasks.task import Cases

Checked = tuple[list[tuple[str, str]], tuple[int, tuple[str, str]]]  # locations and errors; see ``Folded.merge``
Answered = tuple[Cases, list[Any], Any]  # cases, outputs, and what the metrics need of them

THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")


class Worker:
    """Works on parts in this process.

    Args:
        pipeline: The model.
        source: Reads the parts.
        batch_size: Inputs per batch.
        options: Options of ``predict``.
        unread: Output of the cases that cannot be used; ``None`` leaves them out.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        source: InMemory | File,
        batch_size: int,
        options: dict[str, Any],
        unread: str | None = None,
    ):
        self.pipeline, self.source, self.batch_size, self.options = pipeline, source, batch_size, options
        self.unread = unread

    def check(self) -> Iterator[Checked]:
        """Yield the rows that cannot be used, and how many are read as others, part by part."""
        yield from map(self.check_part, self.source.parts())

    def answer(self, left_out: Iterable[set[str]], on_step: Callable[[int], None]) -> Iterator[Answered]:
        """Yield cases, outputs and metrics, part by part; no predictions for the cases at some locations of each."""
        for cases, without in zip(self.source.parts(), left_out, strict=True):
            yield self.answer_part(cases, without, on_step)

    def check_part(self, cases: Cases) -> Checked:
        """Returns location and error of the cases that cannot be used, and how many inputs are read as others."""
        result = []
        for value, reference, location in zip(cases.inputs, cases.references, cases.locations, strict=True):
            try:
                self.pipeline.task.check_example(self.pipeline.preprocessor, value, reference)
            except InputError as error:
                result.append((location, str(error)))
        folded = Folded(self.pipeline.preprocessor)
        folded.add(cases.inputs)
        return result, (folded.count, folded.first)

    def answer_part(
        self, cases: Cases, without: set[str], on_step: Callable[[int], None] = lambda count: None
    ) -> Answered:
        """Returns the cases with their outputs, and what the metrics need of them."""
        read = [i for i, place in enumerate(cases.locations) if place not in without]
        answers = self.pipeline.predict_raw([cases.inputs[i] for i in read], self.batch_size, on_step, **self.options)
        if self.unread is None:
            cases, outputs = cases.select(read) if without else cases, answers
        else:
            outputs = [self.unread] * len(cases)
            for i, answer in zip(read, answers, strict=True):
                outputs[i] = answer
        return cases, outputs, self.pipeline.task.update_metrics(self.pipeline.preprocessor, outputs, cases.references)


class Workers(Worker):
    """Works on parts in other processes.

    Args:
        worker: What each of them does.
        processes: Their number.
    """

    def __init__(self, worker: Worker, processes: int):
        super().__init__(worker.pipeline, worker.source, worker.batch_size, worker.options, worker.unread)
        own = Worker(self.pipeline, self.source.without_lines(), self.batch_size, self.options, self.unread)
        threads = str(max(1, (os.cpu_count() or 1) // processes))
        self.processes = processes
        self.executor = concurrent.futures.ProcessPoolExecutor(
            processes,
            multiprocessing.get_context("spawn"),
            _begin,
            (pickle.dumps(own), {name: os.environ.get(name, threads) for name in THREADS}),
        )

    def check(self) -> Iterator[Checked]:
        yield from self._in_order(_check, self.source.spans())

    def answer(self, left_out: Iterable[set[str]], on_step: Callable[[int], None]) -> Iterator[Answered]:
        spans = zip(self.source.spans(), left_out, strict=True)
        for cases, outputs, state in self._in_order(_answer, spans):
            on_step(len(cases))
            yield cases, outputs, state

    def _in_order(self, function: Callable[[Any], Any], spans: Iterable[Any]) -> Iterator[Any]:
        """Yield the results in the order of the parts, of which some are worked on ahead."""
        pending: collections.deque[concurrent.futures.Future] = collections.deque()
        try:
            for span in spans:
                pending.append(self.executor.submit(function, span))
                if len(pending) > 2 * self.processes:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        except concurrent.futures.process.BrokenProcessPool:
            raise ProcessError(
                "a process was killed, or could not start: the kernel kills what takes too much memory:"
                " use fewer processes"
            ) from None


@contextlib.contextmanager
def workers(
    pipeline: Pipeline,
    source: InMemory | File,
    processes: int,
    batch_size: int,
    options: dict[str, Any],
    unread: str | None = None,
) -> Iterator[Worker]:
    """Yield what works on the parts of a source; other processes end with the block."""
    if isinstance(processes, bool) or not isinstance(processes, int) or processes < 1:
        raise InputError(f"processes {processes!r}: give a whole number, at least 1")
    worker = Worker(pipeline, source, batch_size, options, unread)
    if processes == 1:
        yield worker
        return
    others = Workers(worker, processes)
    before = set(multiprocessing.active_children())
    try:
        yield others
        others.executor.shutdown()
    finally:
        others.executor.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()


_worker: Worker


def _begin(pickled: bytes, threads: dict[str, str]) -> None:
    """Make the worker of this process, which ends with its parent."""
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
    os.environ.update(threads)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # backends write as they start; errors are handed to the parent
    _worker = pickle.loads(pickled)


def _check(span: Any) -> Checked:
    return _worker.check_part(_worker.source.read(span))


def _answer(work: tuple[Any, set[str]]) -> Answered:
    span, without = work
    return _worker.answer_part(_worker.source.read(span), without)
