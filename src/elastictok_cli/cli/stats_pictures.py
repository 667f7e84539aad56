"""What `stats` draws besides the terminal's plot. Sources, models and matplotlib are loaded as each is needed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ..atomic_file import atomic_write
from ..errors import UnsupportedFile, UsageError
from ..units import one_line, utf8
from .console import Console
from .curves import Kept, Rates, curves_path, read_curves

if TYPE_CHECKING:
    from ..report import Usage


class Pictures:
    """files, usages: in the order of the command line; the first one is drawn where there is room for one only."""

    def __init__(
        self,
        files: Sequence[str],
        usages: Sequence[Usage],
        source: str | None,
        decoded: str | None,
        theme: str | None,
        model: str | None,
        console: Console,
    ) -> None:
        self.files, self.usages, self.source, self.decoded = files, usages, source, decoded
        self.theme, self.model, self.console = theme, model, console

    def write(self, option: str, name: str) -> None:
        """One picture or page, whole or not at all. Raises UsageError, OutputError, and what reading raises."""
        from ..report.theme import theme_of

        theme = theme_of(self.theme or "light")
        if option == "--plot":
            from ..report.plots import save_usage_plot

            save_usage_plot(self.usages, name, theme, self.cuts)
        elif option == "--heat":
            from ..report.maps import save_heat_plot

            self._only_first(option)
            maps, cell = self.heat(0)
            save_heat_plot(self.usages[0], maps, cell, name, theme)
        elif option == "--rates":
            from ..report.maps import save_rate_plot

            self._only_first(option)
            kept = self._kept(0)
            if kept is None or not kept.matches:
                why = "is not there" if kept is None else "is of another encode"
                raise UsageError(f"--rates: {curves_path(self.files[0])} {why}; 'encode --keep-curves' writes it")
            save_rate_plot(self.usages[0], kept.rates, name, theme)
        else:
            self._page(name)

    def _only_first(self, option: str) -> None:
        if len(self.files) > 1:
            self.console.note(f"{option} shows the first file only")

    @cached_property
    def cuts(self) -> list[float] | None:
        """Of the source, in seconds from the first file's first frame; None without a source."""
        if self.source is None:
            return None
        from ..report.cuts import cut_times
        from ..video import open_source

        usage = self.usages[0]
        width, height = usage.header.coded_size
        with open_source(self.source, size=f"{width}x{height}") as video:
            base = video.info.time_base
            times = cut_times((float(frame.pts * base), frame.rgb) for frame in video.frames())
        return [t - usage.first_s for t in times if 0 <= t - usage.first_s < usage.duration_s]

    def heat(self, number: int) -> tuple[list[Any], tuple[int, int]]:
        """Maps of every block of a file, and the size of a cell."""
        from ..container import Reader
        from ..models.registry import tables_for
        from ..report.heat import cell_size, heat_maps

        with Reader(self.files[number]) as reader:
            tables = tables_for(reader.header, self.model)
            return list(heat_maps(reader, tables)), cell_size(reader)

    def _kept(self, number: int) -> Kept | None:
        return read_curves(self.files[number], len(self.usages[number].blocks))

    def rates(self, number: int) -> Rates | None:
        """What was kept beside a file; with a note if it is of another encode."""
        found = self._kept(number)
        if found is not None and not found.matches:
            self.console.note(f"{curves_path(self.files[number])}: is of another encode and is not shown")
            return None
        return None if found is None else found.rates

    def _page(self, name: str) -> None:
        from ..report.page import FileReport, html_report

        reports = []
        for number, usage in enumerate(self.usages):
            try:
                maps, cell = self.heat(number)
            except UnsupportedFile as error:
                self.console.note(f"no heat map: {error}")
                maps, cell = [], (1, 1)
            if maps and maps[0].size == 1:
                maps = []  # one count for the whole picture is no map
            reports.append(FileReport(usage, maps or None, cell, self.rates(number)))
        with TemporaryDirectory(prefix="elastictok-") as folder:
            player = self._player(Path(folder))
            text = html_report(reports, player, self.cuts, self.theme)
        with atomic_write(name) as part:
            part.write_text(text, encoding="utf-8")

    def _player(self, folder: Path) -> Any:
        """The decoded file or the source. Players count a whole video's times from the source's zero, those of a part
        from its first frame."""
        path = self.decoded or self.source
        if path is None:
            return None
        from ..report.page import Player
        from ..video.playable import playable

        usage = self.usages[0]
        starts = 0.0 if self.decoded and usage.header.is_part else usage.first_s
        return Player(playable(path, folder), starts, one_line(utf8(Path(path).name)))
