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
    from ..report.page import Player


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
            save_heat_plot(self.usages[0], maps, cell, name, theme, self._blocks_shown(len(maps)))
        elif option == "--rates":
            from ..report.rates import save_rate_plot

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
            tables = tables_for(reader.header, self.model, reader.name)
            return list(heat_maps(reader, tables)), cell_size(reader)

    def _blocks_shown(self, count: int) -> dict[int, Any]:
        """The last frame of each block in the figure.

        The last one, since a block with a cut spends most of its tokens on what comes after the cut. From the source or
        the decoded video if one is given, otherwise decoded from the file; {} if the model is not on this machine.
        """
        from ..report.maps import shown_blocks

        numbers = shown_blocks(count)
        if self.source is not None or self.decoded is not None:
            return self._from_video(numbers)
        from .frames import decoded_blocks

        try:
            return decoded_blocks(self.files[0], numbers, self.model)
        except UnsupportedFile as error:
            self.console.note(f"the heat map has no picture behind it: {error}")
            return {}

    def _from_video(self, numbers: Sequence[int]) -> dict[int, Any]:
        from .frames import video_frames

        usage, path = self.usages[0], self.source or self.decoded
        assert path is not None
        ends = {n: usage.blocks[n].time_s + usage.blocks[n].duration_s for n in numbers}
        starts = self._starts_s(path is self.decoded)
        return video_frames(path, {n: starts + end for n, end in ends.items()}, usage.header.coded_size)

    def _starts_s(self, is_decoded: bool) -> float:
        """The time in the video at which the file's first frame shows, in seconds.

        Videos count from the source's zero, a decoded part from its first frame.
        """
        usage = self.usages[0]
        return 0.0 if is_decoded and usage.header.is_part else usage.first_s

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
            reports.append(FileReport(usage=usage, heat=maps or None, cell=cell, rates=self.rates(number)))
        with TemporaryDirectory(prefix="elastictok-") as folder:
            text = html_report(reports, self._players(Path(folder)), self.cuts, self.theme)
        with atomic_write(name) as part:
            part.write_text(text, encoding="utf-8")

    def _players(self, folder: Path) -> dict[str, Player]:
        """The source and the decoded video, as far as they are given, as browsers play them."""
        from ..report.page import Player
        from ..video.playable import playable

        players = {}
        for key, path in (("source", self.source), ("decoded", self.decoded)):
            if path is not None:
                (folder / key).mkdir()
                title = one_line(utf8(Path(path).name))
                players[key] = Player(playable(path, folder / key), self._starts_s(key == "decoded"), title)
        return players
