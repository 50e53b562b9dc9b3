"""Chosen negatives as text: labels that `eqtl evaluate` reads, the accounting, the balance."""

from collections.abc import Iterator, Mapping

from enformer_vep.eqtl.balance import Balance
from enformer_vep.eqtl.negatives import Negatives
from enformer_vep.eqtl.pools import Place
from enformer_vep.tables.text_tables import table_text

LABEL_COLUMNS = (
    "#CHROM", "POS", "ID", "REF", "ALT", "tissue", "label", "gene_id", "tss_distance", "maf", "slope", "group",
    "matched_to",
)  # fmt: skip
MATCH_COLUMNS = (
    "FILE", "ROW", "VARIANT", "TISSUE", "GENE", "TSS_DISTANCE", "MAF", "OUTCOME", "CANDIDATES", "NEGATIVES",
)  # fmt: skip
BALANCE_COLUMNS = (
    "TISSUE", "COVARIATE", "STAGE", "POSITIVES", "POSITIVE_MEAN", "POSITIVE_SD", "NEGATIVES", "NEGATIVE_MEAN",
    "NEGATIVE_SD", "STANDARDISED_DIFFERENCE",
)  # fmt: skip


def labels_text(chosen: Negatives) -> str:
    """Every positive that has negatives, followed by these: `LABEL_COLUMNS`."""
    return table_text(LABEL_COLUMNS, _label_rows(chosen))


def sites_text(chosen: Negatives) -> str:
    """A VCF of all variants of the labels, each once, by contig and position: what is to be scored."""
    contigs = _contigs(chosen)
    places = [place for one in chosen.matched if one.negatives for place in (one.positive.place, *one.negatives)]
    unique = {place.key: place for place in places if place is not None}
    order = sorted(unique.values(), key=lambda place: (_rank(place.key.contig), place.key))
    rows = [_variant(place, contigs) for place in order]
    declared = "".join(f"##contig=<ID={contig}>\n" for contig in dict.fromkeys(row[0] for row in rows))
    header = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    lines = "".join("\t".join([*map(str, row), ".", ".", "."]) + "\n" for row in rows)
    return f"##fileformat=VCFv4.2\n{declared}{header}{lines}"


def matches_text(chosen: Negatives) -> str:
    """What became of every positive: `MATCH_COLUMNS`."""
    rows = (
        (one.positive.label["file"], one.positive.label["row"], one.positive.key, one.positive.tissue,
         *(_about(one.positive.place)), one.outcome, one.candidates, len(one.negatives))
        for one in chosen.matched
    )  # fmt: skip
    return table_text(MATCH_COLUMNS, rows)


def balance_text(chosen: Negatives) -> str:
    """Two rows per tissue and covariate, before and after: `BALANCE_COLUMNS`."""
    return table_text(BALANCE_COLUMNS, (row for one in chosen.balance for row in _stages(one)))


def describe_balance(chosen: Negatives) -> str:
    """The largest standardised mean difference of each covariate over tissues, in words."""
    parts = []
    for covariate in dict.fromkeys(one.covariate for one in chosen.balance):
        own = [one for one in chosen.balance if one.covariate == covariate]
        before = max((abs(one.difference_before) for one in own), default=float("nan"))
        after = max((abs(one.difference_after) for one in own), default=float("nan"))
        parts.append(f"{covariate} {before:.2f} before, {after:.2f} after")
    return f"standardised mean differences, at most: {'; '.join(parts)}"


def _label_rows(chosen: Negatives) -> Iterator[tuple[object, ...]]:
    contigs = _contigs(chosen)
    for one in chosen.matched:
        place = one.positive.place
        if place is None or not one.negatives:
            continue
        label = one.positive.label
        yield (
            *_variant(place, contigs),
            one.positive.tissue,
            1,
            *_about(place),
            label["effect"],
            label["group"],
            place.key,
        )
        for negative in one.negatives:
            yield (*_variant(negative, contigs), one.positive.tissue, 0, *_about(negative), "NA", "", place.key)


def _contigs(chosen: Negatives) -> dict[str, str]:
    """The VCF's names of contigs, which labels may write another way."""
    return {place.key.contig: place.contig for one in chosen.matched for place in one.negatives}


def _rank(contig: str) -> tuple[int, str]:
    return (int(contig), "") if contig.isdecimal() else (1 << 31, contig)


def _variant(place: Place, contigs: Mapping[str, str]) -> tuple[object, ...]:
    key = place.key
    return contigs.get(key.contig, place.contig), key.position, place.name, key.reference, key.alternate


def _about(place: Place | None) -> tuple[object, ...]:
    return ("NA", "NA", "NA") if place is None else (place.gene, place.distance, place.frequency)


def _stages(one: Balance) -> Iterator[tuple[object, ...]]:
    head = (one.tissue, one.covariate)
    yield (*head, "before", *one.positives_before, *one.negatives_before, one.difference_before)
    yield (*head, "after", *one.positives_after, *one.negatives_after, one.difference_after)
