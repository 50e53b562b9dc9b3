"""From the configuration's data sections to sources of examples."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from enformer_vep.errors import InputError, UsageError
from enformer_vep.genome.bins import Geometry
from enformer_vep.tracks.table import TrackTable, require_same_tracks
from enformer_vep.training.baked import BakedReader
from enformer_vep.training.configuration import DataConfig
from enformer_vep.training.coverage import BigWigReader, ContigReader
from enformer_vep.training.example_sources import ExampleSource, JoinedSource, RegionSource
from enformer_vep.training.sequences import read_sequences, tile
from enformer_vep.training.targets import read_targets


@dataclass(frozen=True, slots=True)
class OrganismData:
    """All that one head learns from and is judged by.

    Attributes:
        organism: Name of the head.
        targets: Its tracks.
        splits: Split to source.
    """

    organism: str
    targets: TrackTable
    splits: dict[str, ExampleSource]


def group_by_assay(targets: TrackTable) -> dict[str, list[int]]:
    """Assay (the description's text before its first colon; "all" without a text) to its rows."""
    assays: dict[str, list[int]] = {}
    for row, target in enumerate(targets):
        assays.setdefault(target.description.partition(":")[0] or "all", []).append(row)
    return assays


def targets_of(data: DataConfig) -> TrackTable:
    """The tracks of one data section.

    Raises:
        UsageError: The section names no targets table.
        InputError: The table is malformed, or has other tracks than the records.
    """
    of_records = data.tfrecords / "targets.txt" if data.tfrecords else None
    path = required(data.targets or of_records, "targets", data)
    targets = read_targets(path)
    if data.targets and of_records and of_records.is_file():
        own = read_targets(of_records).identifiers
        require_same_tracks(targets.identifiers, own, f"targets table {path}", f"the records of {data.tfrecords}")
    return targets


def open_organism(
    organism: str, sections: Sequence[DataConfig], geometry: Geometry, splits: Sequence[str]
) -> OrganismData:
    """Opens those splits of one head's data that are wanted; sections of other organisms are left out.

    Raises:
        InputError: A file is missing or malformed, two sections have other tracks, or a split has no rows.
        UsageError: A section does not say enough.
    """
    own = [section for section in sections if section.organism == organism]
    targets = [targets_of(section) for section in own]
    for other in targets[1:]:
        if other.identifiers != targets[0].identifiers:
            raise InputError(f"the data sections of {organism} have different tracks; give them the same targets")
    found = [_open_section(section, own_targets, geometry) for section, own_targets in zip(own, targets, strict=True)]
    joined = {split: [sources[split] for sources in found if split in sources] for split in splits}
    absent = [split for split in splits if not joined[split]]
    if absent:
        raise InputError(f"the data of {organism} have no {absent[0]} sequences; name some in the fourth BED column")
    return OrganismData(organism, targets[0], {split: JoinedSource(sources) for split, sources in joined.items()})


def _open_section(data: DataConfig, targets: TrackTable, geometry: Geometry) -> dict[str, ExampleSource]:
    if data.tfrecords is not None:
        from enformer_vep.training.tfrecord import open_tfrecords

        return open_tfrecords(data.tfrecords, data.fasta, targets, geometry)
    sequences = read_sequences(required(data.sequences, "sequences", data))
    reader = open_reader(data, targets, geometry.width, {sequence.contig for sequence in sequences})
    for sequence in sequences:
        if sequence.contig not in reader.contigs:
            raise InputError(
                f"sequence file {data.sequences}: contig {sequence.contig!r} is not in the genome; "
                "use the FASTA's names"
            )
    tiles = {
        split: [
            found
            for sequence in sequences
            if sequence.split == split
            for found in tile(sequence, geometry.predicted, geometry.width, reader.grid)
        ]
        for split in dict.fromkeys(sequence.split for sequence in sequences)
    }
    return {split: RegionSource(reader, found, geometry, targets, data.squash) for split, found in tiles.items()}


def open_reader(data: DataConfig, targets: TrackTable, bin_width: int, contigs: Set[str]) -> ContigReader:
    """Opens sequence and coverage of one data section.

    Args:
        data: The section.
        targets: Its tracks.
        bin_width: Base pairs per bin.
        contigs: Contigs that will be read; a warning names those that a bigWig has nothing on.

    Raises:
        UsageError: The section names neither a baked file nor a FASTA.
        InputError: A file is missing or malformed.
    """
    if data.baked is not None:
        return BakedReader(data.baked, targets, bin_width, data.rule)
    fasta = required(data.fasta, "fasta", data)
    folder = required(data.targets, "targets", data).parent
    reader = BigWigReader(fasta, targets, folder, bin_width, data.rule)
    reader.warn_of_absent(sorted(contigs & reader.contigs.keys()))
    return reader


def required(path: Path | None, name: str, data: DataConfig) -> Path:
    """The path, or a `UsageError` that names what the data section lacks."""
    if path is None:
        raise UsageError(f"data section of {data.organism}: {name} is missing; give its path")
    return path
