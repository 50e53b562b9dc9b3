"""What stands beside a finished shard, so that `merge` can tell whole, current shards from all others."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from enformer_vep.errors import InputError
from enformer_vep.files.atomic import write_complete
from enformer_vep.genome.alleles import VariantClass
from enformer_vep.genome.variants import Status
from enformer_vep.jobs.shards import Shard
from enformer_vep.resume.journal import read_classes, read_counts
from enformer_vep.resume.resumable import FileFacts

_FORMAT = 1
SUFFIX = ".manifest.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """A finished shard.

    Attributes:
        file: Its file, beside which the manifest lies.
        shard: Which one it is.
        identity: What fixes the run's bytes; the same in all shards of a run but for "shard".
        counts: Rows by status.
        facts: What its bytes are, and how they were computed.
        not_calibrated: Scored alleles without quantiles, by class.
    """

    file: Path
    shard: Shard
    identity: Mapping[str, object]
    counts: Counter[Status]
    facts: FileFacts
    not_calibrated: Counter[VariantClass] = field(default_factory=Counter)

    @property
    def run(self) -> dict[str, object]:
        """The identity of the whole run that the shard is a part of."""
        return {name: value for name, value in self.identity.items() if name != "shard"} | {"shards": self.shard.count}

    def write(self) -> None:
        """Writes the manifest beside its file; raises OutputError when that fails."""
        facts = asdict(self.facts)
        computed = facts.pop("computed")
        values = {
            "manifest": _FORMAT,
            "file": self.file.name,
            "shard": self.shard.number,
            "shards": self.shard.count,
            "rows": self.counts.total(),
            "counts": self.counts,
            "not_calibrated": self.not_calibrated,
            **facts,
            "run": self.identity,
            "computed": computed,
        }
        write_complete(manifest_path(self.file), json.dumps(values, indent=2).encode() + b"\n")


def manifest_path(file: Path) -> Path:
    """Where a shard's manifest lies."""
    return file.with_name(file.name + SUFFIX)


def read_manifest(file: Path) -> Manifest | None:
    """Reads the manifest beside a shard's file; None when there is none.

    Raises:
        InputError: It is no manifest, or it speaks of a file anywhere but beside itself.
    """
    path = manifest_path(file)
    try:
        values = json.loads(path.read_bytes())
        if values["manifest"] != _FORMAT:
            raise ValueError("another format")
        named = str(values["file"])
        manifest = Manifest(
            file=file,
            shard=Shard(int(values["shard"]), int(values["shards"])),
            identity=dict(values["run"]),
            counts=read_counts(values["counts"]),
            facts=FileFacts(
                *(int(values["size"]), str(values["sha256"]), int(values["header"]), int(values["trailer"])),
                computed=dict(values["computed"]),
            ),
            not_calibrated=read_classes(values.get("not_calibrated", {})),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} cannot be read as a manifest ({error}); run that shard again") from None
    if named != file.name:
        raise InputError(f"{path} is the manifest of {named!r}, not of {file.name}; run that shard again")
    facts = manifest.facts
    if not 1 <= manifest.shard.number <= manifest.shard.count or not 0 <= facts.header <= facts.size:
        raise InputError(f"{path} contradicts itself; run that shard again")
    return manifest
