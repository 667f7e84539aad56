"""Fetches the original's published parameters from the Hugging Face Hub and converts them, once.

The library `huggingface_hub` (extra `hub`) finds the file, signs in and transfers; what arrived is judged
here, by its SHA-256. A transfer that was cut off goes on where it stopped. The first pull of a model writes
down which commit and which SHA-256 it got; every later one must get the same, unless it is told another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...errors import ElasticTokError, InputError, OutputError, UnsupportedFile, UsageError
from ...folders import home
from ..registry import Published, entries, find_entry
from ..weights_files import SUFFIX, WeightsFile, sha256
from .config import PRESETS
from .convert import convert

Watcher = Callable[[str], None]
SHA256 = re.compile(r"[0-9a-f]{64}")


def pull(
    name: str,
    *,
    revision: str | None = None,
    digest: str | None = None,
    endpoint: str | None = None,
    force: bool = False,
    say: Watcher = lambda text: None,
) -> Path:
    """The weights file of a published model, fetched and converted unless it is here already.

    revision: commit, tag or branch instead of the pinned one. digest: the SHA-256 that the parameters must
    have. force: fetch again. Raises UsageError for a model that is not published or a missing library,
    InputError if what came is not what should have come or nothing came, OutputError if there is no place for
    it.
    """
    entry = find_entry(name)
    published = None if entry is None else entry.published
    if published is None:
        pullable = ", ".join(each.name for each in entries().values() if each.published)
        raise UsageError(f"{name}: nothing to pull; published are {pullable}")
    if digest is not None and not SHA256.fullmatch(digest):
        raise UsageError(f"--sha256 {digest}: must be 64 hexadecimal digits")
    output, note = home() / f"{name}{SUFFIX}", home() / f"{name}.json"
    before = _read(note)
    as_asked = digest in (None, before.get("sha256")) and revision in (None, before.get("commit"))
    if output.exists() and not force and as_asked and before.get("weights") == sha256(output):
        say(f"{name} is here already")
        return output
    try:
        home().mkdir(parents=True, exist_ok=True)
        wanted = digest or published.sha256 or before.get("sha256")
        params, commit, found = _fetch(
            name, published, revision or published.revision or before.get("commit") or "main", wanted, endpoint, say
        )
        say("converting")
        convert(params, PRESETS[published.config], output, overwrite=True)
        pins = {"repository": published.repository, "commit": commit, "sha256": found, "weights": sha256(output)}
        note.write_text(json.dumps(pins, indent=1) + "\n", encoding="utf-8")
        params.unlink()
    except OSError as error:
        if isinstance(error, ElasticTokError):
            raise
        raise OutputError(f"{home()}: {error.strerror or error}") from None
    return output


def check(file: WeightsFile) -> bool:
    """Whether a weights file is, bit for bit, the one that was pulled; False if it never was.

    Raises UnsupportedFile if it was and has changed since.
    """
    pinned = _read(file.path.with_suffix(".json")).get("weights")
    if pinned is not None and pinned != file.digest:
        raise UnsupportedFile(
            f"{file.path}: has changed since it was pulled; 'elastictok weights pull -f {file.model}' renews it"
        )
    return pinned is not None


def _read(note: Path) -> dict[str, str]:
    try:
        said = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in said.items()} if isinstance(said, dict) else {}


def _library() -> Any:
    try:
        import huggingface_hub.file_download
    except ImportError:
        raise UsageError("pulling needs huggingface_hub; pip install 'elastictok[hub]' brings it") from None
    return huggingface_hub


def _fetch(
    name: str, published: Published, revision: str, wanted: str | None, endpoint: str | None, say: Watcher
) -> tuple[Path, str, str]:
    """The parameters in a file, the commit they are of, and their SHA-256, checked."""
    hub = _library()
    where = f"{published.repository} at {revision[:12]}"
    url = hub.hf_hub_url(published.repository, published.file, revision=revision, endpoint=endpoint)
    try:
        said = hub.get_hf_file_metadata(url, endpoint=endpoint)
        if not said.commit_hash or not said.size:
            raise InputError(f"{where}: the hub does not say what it has; is HF_ENDPOINT right?")
        part = home() / f"{name}-{said.commit_hash[:12]}.params.part"
        _transfer(hub, url, said, part, say)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{where}: {_why(hub, error)}") from None
    found = sha256(part)
    # Large files carry their SHA-256 as ETag.
    etag = said.etag if said.etag and SHA256.fullmatch(said.etag) else None
    if found != (wanted or etag or found):
        part.unlink()
        raise InputError(
            f"{where}: what came has SHA-256 {found[:12]}..., not {str(wanted or etag)[:12]}...: "
            "damaged on the way or changed by its publisher; pull again, or name the new one with --sha256"
        )
    return part, said.commit_hash, found


def _transfer(hub: Any, url: str, said: Any, part: Path, say: Watcher) -> None:
    have = part.stat().st_size if part.exists() else 0
    if have > said.size:
        part.unlink()
        have = 0
    say(f"fetching {said.size / 1e6:,.0f} MB" + (f", {have / 1e6:,.0f} MB are here" if have else ""))
    headers = hub.utils.build_hf_headers(library_name="elastictok")
    if urlsplit(said.location).netloc != urlsplit(url).netloc:
        headers.pop("authorization", None)  # of no concern to the machine that stores the file
    with part.open("ab") as file:
        hub.file_download.http_get(
            said.location,
            file,
            resume_size=have,
            headers=headers,
            expected_size=said.size,
            displayed_filename=part.stem,
        )


def _why(hub: Any, error: Exception) -> str:
    """The error in the user's words."""
    errors = hub.errors
    if isinstance(error, errors.OfflineModeIsEnabled):
        return "not here, and HF_HUB_OFFLINE forbids to fetch it"
    if isinstance(error, errors.RepositoryNotFoundError):
        return "the hub has no such repository, or shows it only to those signed in"
    if isinstance(error, errors.RevisionNotFoundError):
        return "the hub has no such revision"
    if isinstance(error, errors.EntryNotFoundError):
        return "the repository has no such file"
    text = next(iter(str(error).strip().splitlines()), "no reason given")
    return f"could not be fetched ({type(error).__name__}: {text}); pull again to go on"
