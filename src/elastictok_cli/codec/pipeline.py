"""The one way to encode and to decode a file. The command line, the Python interface, batches and benchmarks call it.

    settings = EncodeSettings(target=Target.threshold(0.007))
    for event in encode_file("in.mp4", "in.etok", model, settings): ...

Both are generators: they yield events and print nothing. Closing one early leaves no output behind.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from typing import BinaryIO

from ..container import Reader, Writer, part_path
from ..errors import UsageError
from ..models.base import TokenModel
from ..types import PathLike
from ..video import SinkOptions, open_sink
from .decoder import decode, for_file
from .encoder import encode
from .events import Event, Finished, Opened, ProbeDone, Resumed, Warned
from .header import make_header
from .keep import Keep, cut_model
from .multipass import encode_to_size
from .outputs import check_output
from .settings import DecodeSettings, EncodeSettings
from .source import open_to_encode
from .workers import cores, jobs_for


def encode_file(
    source: PathLike | BinaryIO,
    output: PathLike | BinaryIO,
    model: TokenModel,
    settings: EncodeSettings,
    *,
    on_probe: Callable[[ProbeDone], None] | None = None,
) -> Generator[Event, None, None]:
    """Encode a video or picture into an .etok file, which appears when it is whole.

    The first event is `Opened`, before any block is coded; the last one is `Finished`. on_probe: called with every
    candidate of the search. Raises the errors of errors.py. A run that fails leaves its `.part` file only if
    `settings.resume`.
    """
    check_output(output, source, overwrite=settings.overwrite)
    is_file = isinstance(output, (str, os.PathLike))
    if settings.resume and not is_file:
        raise UsageError("`resume` needs an output file; a stream cannot be continued")
    with open_to_encode(source, model, settings) as opened:
        header = make_header(opened.info, model, settings)
        frames = opened.info.frames_estimate
        yield Opened(header=header, frames_estimate=frames)
        jobs = settings.jobs or jobs_for(header, model, frames)
        settings = replace(settings, jobs=jobs, threads=settings.threads or max(jobs, cores()))
        if settings.target.is_size:
            yield from encode_to_size(opened, model, output, settings, on_probe=on_probe)
            return
        if settings.resume and isinstance(output, (str, os.PathLike)):
            writer, done = Writer.resume(output, header)
            if done:
                yield Resumed(frames=sum(gop.frames for gop in done), part=str(part_path(output)))
        else:
            if isinstance(output, (str, os.PathLike)) and (part := part_path(output)).exists():
                yield Warned(text=f"{part} is left of an interrupted run and is replaced; `resume` continues it")
            writer, done = Writer(output, header), []
        try:
            yield from encode(opened, model, writer, settings, done=done, on_probe=on_probe)
        finally:
            writer.abort(keep_part=settings.resume)


def decode_file(
    reader: Reader, output: PathLike, model: TokenModel, settings: DecodeSettings
) -> Generator[Event, None, None]:
    """Decode an .etok file into a video, a picture or numbered pictures, by the output's name; "-" for standard output.

    reader: one that recovers shows what is whole of a damaged file. The last event is `Finished`. Raises the errors of
    errors.py; a run that fails leaves nothing behind.
    """
    if output != "-":
        check_output(output, overwrite=settings.overwrite)
    header = reader.header
    if settings.keep is not None:
        model = cut_model(model, Keep.parse(settings.keep))
    options = SinkOptions(
        codec=settings.codec,
        crf=settings.crf,
        audio=settings.audio,
        size="source" if settings.size == "source" else "coded",
        overwrite=settings.overwrite,
    )
    jobs = settings.jobs or jobs_for(header, model, _frames_shown(reader, settings), decoding=True)
    finished: Finished | None = None
    with open_sink(output, for_file(options, reader, settings.start, settings.duration), header) as sink:
        events = decode(
            reader,
            model,
            sink,
            start=settings.start,
            duration=settings.duration,
            audio=settings.audio != "none",
            jobs=jobs,
        )
        with closing(events):
            for event in events:
                if isinstance(event, Finished):
                    finished = event  # not yet: the output is whole when the sink is closed
                else:
                    yield event
    for text in sink.notes:
        yield Warned(text=text)
    assert finished is not None, "a decode ends with its totals or raises"
    yield finished


def _frames_shown(reader: Reader, settings: DecodeSettings) -> int:
    """About how many frames will be decoded."""
    start, duration, rate = settings.start or 0.0, settings.duration, reader.header.frame_rate
    if rate is None:
        return reader.frames
    left = reader.frames if duration is None else round(duration * rate)
    return max(1, min(left, reader.frames - round(start * rate)))
