"""Downloads the original's published parameters from the Hugging Face Hub and converts them, once.

The library `huggingface_hub` (extra `hub`) finds the file, signs in and transfers it; its SHA-256 is checked here. An
interrupted transfer continues where it stopped. The first pull of a model records its commit and SHA-256 in a pin file
beside the weights. Later pulls must get the same, unless another revision or SHA-256 is given.
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

StatusCallback = Callable[[str], None]
REPORT = (
    "nobody has run this file with elastictok yet: please report the line above, and the figures of "
    "'elastictok bench CLIPS --model NAME', as an issue, also if all is well"
)
SHA256_PATTERN = re.compile(r"[0-9a-f]{64}")


def pull(
    name: str,
    *,
    revision: str | None = None,
    digest: str | None = None,
    endpoint: str | None = None,
    force: bool = False,
    on_status: StatusCallback = lambda text: None,
) -> Path:
    """The weights file of a published model, downloaded and converted unless it is there already.

    revision: commit, tag or branch instead of the pinned one. digest: SHA-256 that the parameters must have. force:
    download again. on_status: called with a line for the user. Raises UsageError for a model that is not published or a
    missing library, InputError for a failed download or other parameters than expected, OutputError if the file cannot
    be written.
    """
    entry = find_entry(name)
    published = None if entry is None else entry.published
    if published is None:
        pullable = ", ".join(each.name for each in entries().values() if each.published)
        raise UsageError(f"{name}: is not a published model; these can be pulled: {pullable}")
    if digest is not None and not SHA256_PATTERN.fullmatch(digest):
        raise UsageError(f"`sha256` {digest}: must be 64 hexadecimal digits")
    output, pin_file = home() / f"{name}{SUFFIX}", home() / f"{name}.json"
    pins = _read_pins(pin_file)
    matches = digest in (None, pins.get("sha256")) and revision in (None, pins.get("commit"))
    if output.exists() and not force and matches and pins.get("weights") == sha256(output):
        on_status(f"{name} is here already")
        return output
    try:
        home().mkdir(parents=True, exist_ok=True)
        wanted = digest or published.sha256 or pins.get("sha256")
        params, commit, found = _fetch(
            name, published, revision or published.revision or pins.get("commit") or "main", wanted, endpoint, on_status
        )
        on_status("converting")
        convert(params, PRESETS[published.config], output, overwrite=True)
        pins = {"repository": published.repository, "commit": commit, "sha256": found, "weights": sha256(output)}
        pin_file.write_text(json.dumps(pins, indent=1) + "\n", encoding="utf-8")
        params.unlink()
        on_status(f"fetched {published.repository} at {commit}: {published.file}, SHA-256 {found}")
        on_status(REPORT)
    except OSError as error:
        if isinstance(error, ElasticTokError):
            raise
        raise OutputError(f"{home()}: {error.strerror or error}") from None
    return output


def check(file: WeightsFile) -> bool:
    """Whether a weights file was pulled and is unchanged; False for a file that was not pulled.

    Raises UnsupportedFile if it has changed since.
    """
    pinned = _read_pins(file.path.with_suffix(".json")).get("weights")
    if pinned is not None and pinned != file.digest:
        raise UnsupportedFile(
            f"{file.path}: has changed since it was pulled; 'elastictok weights pull -f {file.model}' renews it"
        )
    return pinned is not None


def _read_pins(pin_file: Path) -> dict[str, str]:
    try:
        pins = json.loads(pin_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in pins.items()} if isinstance(pins, dict) else {}


def _library() -> Any:
    try:
        import huggingface_hub.file_download
    except ImportError:
        raise UsageError("pulling needs huggingface_hub; pip install 'elastictok[hub]' brings it") from None
    return huggingface_hub


def _fetch(
    name: str, published: Published, revision: str, wanted: str | None, endpoint: str | None, on_status: StatusCallback
) -> tuple[Path, str, str]:
    """Download and check the parameters: their file, their commit, their SHA-256."""
    hub = _library()
    where = f"{published.repository} at {revision[:12]}"
    url = hub.hf_hub_url(published.repository, published.file, revision=revision, endpoint=endpoint)
    try:
        metadata = hub.get_hf_file_metadata(url, endpoint=endpoint)
        if not metadata.commit_hash or not metadata.size:
            raise InputError(f"{where}: the hub does not say what it has; is HF_ENDPOINT right?")
        part = home() / f"{name}-{metadata.commit_hash[:12]}.params.part"
        _transfer(hub, url, metadata, part, on_status)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{where}: {_describe(hub, error)}") from None
    found = sha256(part)
    # Large files carry their SHA-256 as ETag.
    etag = metadata.etag if metadata.etag and SHA256_PATTERN.fullmatch(metadata.etag) else None
    if found != (wanted or etag or found):
        part.unlink()
        raise InputError(
            f"{where}: what came has SHA-256 {found[:12]}..., not {str(wanted or etag)[:12]}...: "
            "damaged on the way or changed by its publisher; pull again, or name the new one with `sha256`"
        )
    return part, metadata.commit_hash, found


def _transfer(hub: Any, url: str, metadata: Any, part: Path, on_status: StatusCallback) -> None:
    have = part.stat().st_size if part.exists() else 0
    if have > metadata.size:
        part.unlink()
        have = 0
    on_status(f"fetching {metadata.size / 1e6:,.0f} MB" + (f", {have / 1e6:,.0f} MB are here" if have else ""))
    headers = hub.utils.build_hf_headers(library_name="elastictok")
    if urlsplit(metadata.location).netloc != urlsplit(url).netloc:
        headers.pop("authorization", None)  # not for the machine that stores the file
    with part.open("ab") as file:
        hub.file_download.http_get(
            metadata.location,
            file,
            resume_size=have,
            headers=headers,
            expected_size=metadata.size,
            displayed_filename=part.stem,
        )


def _describe(hub: Any, error: Exception) -> str:
    """The error in words that the user knows."""
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
