"""manifest.json: what a record set holds, and what each of its files must be."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import tftrain
from tftrain.atomic import replace_file
from tftrain.data.examples import Info
from tftrain.data.records import signature
from tftrain.data.records.schema import IMAGE, RAW, Schema
from tftrain.data.records.shards import COMPRESSIONS, FRAME, Shard
from tftrain.errors import DataError

FILE = "manifest.json"
FORMAT = "tftrain records"
VERSION = 1


class NewerVersion(DataError):
    """A manifest that a later tftrain wrote: nothing is wrong with it."""


@dataclasses.dataclass(frozen=True)
class Manifest:
    """Everything a record set says about itself.

    Attributes:
        info: What the dataset is.
        schema: What a record holds.
        compression: `none`, `gzip` or `zlib`.
        seed: The order of the examples was drawn from it.
        splits: The shards of every split.
        writer: Name and version of the program that wrote it.
        signed: Whether there is a signature.
    """

    info: Info
    schema: Schema
    compression: str
    seed: int
    splits: Mapping[str, tuple[Shard, ...]]
    writer: str = f"tftrain {tftrain.__version__}"
    signed: bool = False

    def write(self, folder: Path, key: bytes | None = None) -> None:
        """Writes it into the set's folder, signed if there is a key."""
        document = _document(self)
        content = _canonical(document)
        document["sha256"] = hashlib.sha256(content).hexdigest()
        if key is not None:
            document["signature"] = signature.sign(content, key)
        with replace_file(folder / FILE) as temporary:
            temporary.write_text(_laid_out(document), encoding="utf-8")


def read(folder: Path, key: bytes | None = None) -> Manifest:
    """The manifest of a set, checked in itself; the shards are not looked at.

    Raises:
        DataError: Missing, damaged, edited, of a newer version, naming files outside of the
            folder, contradicting itself, or with `key`: not signed, or not with this key.
    """
    path = folder / FILE
    document = _json(path)
    _check_version(document, path)
    sealed = document.pop("sha256", None)
    signed = document.pop("signature", None)
    content = _canonical(document)
    if key is not None:
        signature.check(content, signed, key, str(path))
    if sealed != hashlib.sha256(content).hexdigest():
        raise DataError(
            f"{path} was edited or damaged: it does not match its own checksum; "
            "fetch it again or write the set again"
        )
    try:
        manifest = _parse(document, bool(signed))
        _check(manifest, path)
    except DataError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path} lacks what a manifest must hold: {error!r}") from error
    return manifest


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise DataError(
            f"{path.parent} is no record set: it holds no {path.name}; "
            f"`tftrain data write --from=SOURCE --to={path.parent}` makes one"
        )
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise DataError(f"{path} holds {type(document).__name__}; expected an object")
    return document


def _check_version(document: dict[str, Any], path: Path) -> None:
    if document.get("format") != FORMAT:
        raise DataError(f"{path} has format {document.get('format')!r}; expected {FORMAT!r}")
    version = document.get("version")
    if isinstance(version, int) and version > VERSION:
        raise NewerVersion(
            f"{path} is of version {version}, written by {document.get('writer')}; this tftrain "
            f"reads versions up to {VERSION}: upgrade tftrain"
        )
    if version != VERSION:
        raise DataError(f"{path} has version {version!r}; expected {VERSION}")


def _canonical(document: Mapping[str, Any]) -> bytes:
    """The same bytes for the same content, however the JSON was laid out."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _laid_out(document: dict[str, Any]) -> str:
    # Counts of a thousand classes on one line: a line break never occurs inside a JSON string.
    text = json.dumps(document, indent=1)
    return re.sub(r"\[\n[\s\d,]+\]", lambda found: "".join(found[0].split()), text) + "\n"


def _document(manifest: Manifest) -> dict[str, Any]:
    info = dataclasses.asdict(manifest.info)
    schema = dataclasses.asdict(manifest.schema)
    classes = len(manifest.info.labels)
    return _plain(
        {
            "format": FORMAT,
            "version": VERSION,
            "writer": manifest.writer,
            "info": info,
            "schema": {"x": schema, "y": {"dtype": "int64", "shape": []}},
            "compression": manifest.compression,
            "seed": manifest.seed,
            "splits": {
                name: {
                    "examples": sum(shard.examples for shard in shards),
                    "per_class": [sum(s.per_class[c] for s in shards) for c in range(classes)],
                    "bytes": sum(shard.bytes for shard in shards),
                    "shards": [dataclasses.asdict(shard) for shard in shards],
                }
                for name, shards in manifest.splits.items()
            },
        }
    )


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    """With lists for tuples, as it will be read back."""
    return json.loads(json.dumps(document))


def _parse(document: dict[str, Any], signed: bool) -> Manifest:
    return Manifest(
        info=_made(Info, document["info"]),
        schema=_made(Schema, document["schema"]["x"]),
        compression=document["compression"],
        seed=document["seed"],
        splits={
            name: tuple(_made(Shard, shard) for shard in split["shards"])
            for name, split in document["splits"].items()
        },
        writer=document["writer"],
        signed=signed,
    )


def _made(kind: type, fields: dict[str, Any]) -> Any:
    known = {field.name: fields[field.name] for field in dataclasses.fields(kind)}
    return kind(**{name: tuple(v) if isinstance(v, list) else v for name, v in known.items()})


def _check(manifest: Manifest, path: Path) -> None:
    """Raises DataError where the parts contradict one another, or lead out of the folder."""
    if manifest.compression not in COMPRESSIONS:
        raise DataError(
            f"{path} has compression {manifest.compression!r}; expected one of "
            f"{', '.join(COMPRESSIONS)}"
        )
    if manifest.schema.encoding not in (RAW, IMAGE):
        raise DataError(
            f"{path} has encoding {manifest.schema.encoding!r}; expected {RAW!r} or {IMAGE!r}"
        )
    if len(manifest.info.labels) != manifest.info.classes:
        raise DataError(f"{path} contradicts itself about the number of classes")
    shards = [shard for split in manifest.splits.values() for shard in split]
    for shard in shards:
        _check_inside(shard.file, path)
        _check_sums(shard, manifest, path)
    if len({shard.file for shard in shards}) < len(shards):
        raise DataError(f"{path} names a file twice")


def _check_inside(name: str, path: Path) -> None:
    # A name alone: no folder, no way up, and no backslash, which is a folder elsewhere.
    if PurePosixPath(name).name != name or "\\" in name or name in ("", ".", "..", FILE):
        raise DataError(
            f"{path} names the file {name!r}, which leads out of its folder: do not use this set"
        )


def _check_sums(shard: Shard, manifest: Manifest, path: Path) -> None:
    plain = manifest.compression == "none"
    if (
        len(shard.per_class) != len(manifest.info.labels)
        or sum(shard.per_class) != shard.examples
        or shard.stream_bytes < FRAME * shard.examples
        or (plain and shard.stream_bytes != shard.bytes)
    ):
        raise DataError(f"{path} contradicts itself about {shard.file}: its counts do not add up")
