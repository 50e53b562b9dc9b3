#!/usr/bin/env python3
"""Which CAGE and DNase tracks stand for which GTEx v8 tissue, by rules over the tracks' descriptions.

    python tools/make_gtex_groups.py targets_human.txt > enformer_vep/data/gtex_v8_groups.tsv

The rules:

1. Samples are tissue of adults. A CAGE description has to say `SAMPLE, adult` or `SAMPLE - adult`, a DNase
   description `SAMPLE female adult` or `SAMPLE male adult`; `SAMPLE` alone is then compared, whole. Embryos,
   fetuses, newborns, children, diseased or treated samples and samples whose stage is not stated are left out.
2. A sample is `part` when its name is the tissue's, a piece of it, or the site at which GTEx took it, by the
   anatomical term that GTEx's portal gives the tissue (small intestine: Peyer's patch; lung: upper lobe of left
   lung; muscle: gastrocnemius medialis; ...). ENCODE assayed donors like GTEx's at the same sites (EN-TEx).
3. Where an assay has no `part`, samples that are `whole` stand in: the organ or structure that the part
   belongs to, or the tissue without a statement of the part. `brain` stands for no part of the brain.
4. Isolated or cultured cells, cell lines and tumours stand for no tissue. The exceptions are `named` one by
   one: GTEx's own two cell types, where the description (or the line's name: lymphoblastoid lines of the CEPH
   and HapMap collections) says the same; and whole blood, which donors gave without a stated stage.
5. Whole blood is whole blood: a plain mean of sorted blood cells is not. The ATAC tracks of the table are all
   sorted cells of bone marrow, so none is used.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from enformer_vep.tracks.table import Track, TrackTable

ASSAYS = ("CAGE", "DNASE")
COLUMNS = ("track", "group", "assay", "description", "rule")

_SAMPLE = {
    "CAGE": re.compile(r"CAGE:(?P<sample>.+?)(?:,| -) adult(?!.*diseased)(?:,.*)?"),
    "DNASE": re.compile(
        r"DNASE:(?P<sample>.+?) (?:fe)?male adult(?!.*\b(?:embryo|newborn|child|treated|originated)\b).*"
    ),
}
_FRONTAL = {"CAGE": "frontal lobe|medial frontal gyrus", "DNASE": "frontal cortex|middle frontal gyrus"}
_LYMPHOBLASTOID = "06990|12864|12865|12878|12891|12892|18507|19238|19239|19240"

Patterns = dict[str, str]


@dataclass(frozen=True, slots=True)
class TissueRule:
    """How the tracks of one tissue are found. Patterns are regular expressions by assay.

    Attributes:
        tissue: GTEx's name, as in the names of its eQTL files.
        part: Samples of what GTEx took.
        whole: Samples of what that belongs to, for assays without any of `part`.
        named: Whole descriptions, for the fourth rule's exceptions.
        unmapped: Why an assay has no track; by assay.
    """

    tissue: str
    part: Patterns = field(default_factory=dict)
    whole: Patterns = field(default_factory=dict)
    named: Patterns = field(default_factory=dict)
    unmapped: Patterns = field(default_factory=dict)


def _both(sample: str) -> Patterns:
    return dict.fromkeys(ASSAYS, sample)


RULES = (
    TissueRule(
        "Adipose_Subcutaneous",
        whole={"CAGE": "adipose tissue"},
        unmapped={"DNASE": "fat of the omentum and cultured adipocytes only"},
    ),
    TissueRule("Adipose_Visceral_Omentum", part={"DNASE": "omental fat pad"}, whole={"CAGE": "adipose tissue"}),
    TissueRule("Adrenal_Gland", part=_both("adrenal gland")),
    TissueRule("Artery_Aorta", part={"CAGE": "aorta", "DNASE": "ascending aorta"}),
    TissueRule("Artery_Coronary", part=_both("coronary artery"), whole={"CAGE": "artery"}),
    TissueRule("Artery_Tibial", part=_both("tibial artery"), whole={"CAGE": "artery"}),
    TissueRule("Bladder", part=_both("bladder|urinary bladder"), unmapped={"DNASE": "embryo only"}),
    TissueRule("Brain_Amygdala", part=_both("amygdala"), unmapped={"DNASE": "no sample"}),
    TissueRule(
        "Brain_Anterior_cingulate_cortex_BA24",
        part=_both(".*cingulate.*"),
        unmapped={"CAGE": "no sample of the cingulate", "DNASE": "no sample of the cingulate"},
    ),
    TissueRule("Brain_Caudate_basal_ganglia", part=_both("caudate nucleus")),
    TissueRule("Brain_Cerebellar_Hemisphere", part=_both("cerebellum|cerebellar cortex")),
    TissueRule("Brain_Cerebellum", part=_both("cerebellum|cerebellar cortex")),
    # GTEx took both of these from the frontal lobe, the one at autopsy and the other in the brain bank.
    TissueRule("Brain_Cortex", part=_FRONTAL),
    TissueRule("Brain_Frontal_Cortex_BA9", part=_FRONTAL),
    TissueRule("Brain_Hippocampus", part=_both("hippocampus|Ammon's horn")),
    TissueRule(
        "Brain_Hypothalamus",
        part=_both("hypothalamus"),
        whole={"CAGE": "diencephalon"},
        unmapped={"DNASE": "no sample"},
    ),
    TissueRule(
        "Brain_Nucleus_accumbens_basal_ganglia",
        part=_both("nucleus accumbens"),
        unmapped={"DNASE": "no sample"},
    ),
    TissueRule("Brain_Putamen_basal_ganglia", part=_both("putamen")),
    TissueRule("Brain_Spinal_cord_cervical_c-1", whole=_both("spinal cord"), unmapped={"DNASE": "embryo only"}),
    TissueRule("Brain_Substantia_nigra", part=_both("substantia nigra"), whole={"DNASE": "midbrain"}),
    TissueRule("Breast_Mammary_Tissue", part={"CAGE": "breast", "DNASE": "breast epithelium"}),
    TissueRule(
        "Cells_Cultured_fibroblasts",
        named={
            "CAGE": r"CAGE:Fibroblast - (Dermal|skin normal),",
            "DNASE": "DNASE:fibroblast of dermis female adult",
        },
    ),
    TissueRule(
        "Cells_EBV-transformed_lymphocytes",
        named={
            "CAGE": r"CAGE:B lymphoblastoid cell line: GM12878\b.*",
            "DNASE": rf"DNASE:GM({_LYMPHOBLASTOID})",
        },
    ),
    TissueRule("Cervix_Ectocervix", whole=_both("cervix"), unmapped={"DNASE": "no sample"}),
    TissueRule("Cervix_Endocervix", whole=_both("cervix"), unmapped={"DNASE": "no sample"}),
    TissueRule("Colon_Sigmoid", part=_both("sigmoid colon"), whole={"CAGE": "colon"}),
    TissueRule("Colon_Transverse", part=_both("transverse colon"), whole={"CAGE": "colon"}),
    TissueRule(
        "Esophagus_Gastroesophageal_Junction",
        part=_both("gastroesophageal sphincter"),
        whole=_both("esophagus"),
        unmapped={"DNASE": "mucosa and muscularis only, which have their own tissues"},
    ),
    TissueRule("Esophagus_Mucosa", part=_both("esophagus squamous epithelium"), whole={"CAGE": "esophagus"}),
    TissueRule("Esophagus_Muscularis", part=_both("esophagus muscularis mucosa"), whole={"CAGE": "esophagus"}),
    TissueRule(
        "Fallopian_Tube",
        part=_both("fallopian tube"),
        unmapped={"CAGE": "no sample", "DNASE": "no sample"},
    ),
    TissueRule(
        "Heart_Atrial_Appendage",
        part=_both("right atrium auricular region"),
        whole={"CAGE": "(left|right) atrium"},
    ),
    TissueRule("Heart_Left_Ventricle", part={"CAGE": "left ventricle", "DNASE": "heart left ventricle"}),
    TissueRule("Kidney_Cortex", whole=_both("kidney"), unmapped={"DNASE": "embryo and isolated cells only"}),
    TissueRule("Kidney_Medulla", whole=_both("kidney"), unmapped={"DNASE": "embryo and isolated cells only"}),
    TissueRule("Liver", part={"CAGE": "liver", "DNASE": "liver|right lobe of liver"}),
    TissueRule("Lung", part={"CAGE": "lung(, .* lobe)?", "DNASE": "upper lobe of left lung"}),
    TissueRule("Minor_Salivary_Gland", whole=_both("salivary gland"), unmapped={"DNASE": "no sample"}),
    TissueRule("Muscle_Skeletal", part={"CAGE": "skeletal muscle", "DNASE": "gastrocnemius medialis|psoas muscle"}),
    TissueRule(
        "Nerve_Tibial",
        part=_both("tibial nerve"),
        unmapped={"CAGE": "no peripheral nerve of stated stage; the optic nerve is of the brain"},
    ),
    TissueRule("Ovary", part=_both("ovary")),
    TissueRule("Pancreas", part={"CAGE": "pancreas", "DNASE": "pancreas|body of pancreas"}),
    TissueRule("Pituitary", part=_both("pituitary gland"), unmapped={"DNASE": "no sample"}),
    TissueRule("Prostate", part={"CAGE": "prostate", "DNASE": "prostate gland"}),
    TissueRule(
        "Skin_Not_Sun_Exposed_Suprapubic",
        part=_both("suprapubic skin"),
        whole={"CAGE": "skin"},
        unmapped={"DNASE": "skin of the lower leg only, which is exposed"},
    ),
    TissueRule("Skin_Sun_Exposed_Lower_leg", part=_both("lower leg skin"), whole={"CAGE": "skin"}),
    TissueRule("Small_Intestine_Terminal_Ileum", part=_both("Peyer's patch"), whole={"CAGE": "small intestine"}),
    TissueRule("Spleen", part=_both("spleen")),
    TissueRule("Stomach", part=_both("stomach"), unmapped={"CAGE": "fetus only"}),
    TissueRule("Testis", part=_both("testis")),
    TissueRule("Thyroid", part={"CAGE": "thyroid", "DNASE": "thyroid gland"}),
    TissueRule("Uterus", part=_both("uterus")),
    TissueRule("Vagina", part=_both("vagina")),
    TissueRule(
        "Whole_Blood",
        part={"CAGE": "blood"},
        named={"CAGE": r"CAGE:Whole blood \(ribopure\), , donation\d"},
        unmapped={"DNASE": "sorted cells only"},
    ),
)
"""One for each of the 54 tissues of GTEx v8, the five without eQTLs (too few donors) among them."""


def build_table(table: TrackTable) -> str:
    """Applies the rules.

    Args:
        table: Tracks with the descriptions of the published human table.

    Returns:
        The packaged file: comments that state the unmapped tissues and assays with the reason, a header, and
        one line per track and tissue, tab separated, in the order of `RULES`, `ASSAYS` and the table.
    """
    lines = [
        "# GTEx v8 tissues and the tracks of Enformer's human table that stand for them; made by",
        "# tools/make_gtex_groups.py from the descriptions, by the rules stated there.",
        *(f"# without {assay}: {tissue} ({reason})" for tissue, assay, reason in unmapped()),
        "\t".join(COLUMNS),
    ]
    for rule in RULES:
        for assay in ASSAYS:
            for track, name in _tracks(rule, assay, table):
                lines.append("\t".join((track.identifier, rule.tissue, assay, track.description, name)))
    return "\n".join(lines) + "\n"


def unmapped() -> tuple[tuple[str, str, str], ...]:
    """Tissues for which an assay has no track: (tissue, assay, reason)."""
    return tuple(
        (rule.tissue, assay, rule.unmapped[assay]) for rule in RULES for assay in ASSAYS if assay in rule.unmapped
    )


def _tracks(rule: TissueRule, assay: str, table: TrackTable) -> Iterator[tuple[Track, str]]:
    part = [(track, "part") for track in _of_sample(rule.part.get(assay), assay, table)]
    whole = [(track, "whole") for track in _of_sample(rule.whole.get(assay), assay, table)]
    pattern = rule.named.get(assay)
    named = [(track, "named") for track in table if pattern is not None and re.fullmatch(pattern, track.description)]
    yield from sorted((part or whole) + named, key=lambda pair: pair[0].index)


def _of_sample(pattern: str | None, assay: str, table: TrackTable) -> Iterator[Track]:
    for track in table if pattern is not None else ():
        match = _SAMPLE[assay].fullmatch(track.description)
        if match is not None and re.fullmatch(pattern or "", match["sample"]):
            yield track


def main() -> None:
    """Write the packaged file to standard output."""
    parser = argparse.ArgumentParser(description="Make enformer_vep/data/gtex_v8_groups.tsv.")
    parser.add_argument("targets", help="targets_human.txt as published (calico/basenji, cross2020)")
    sys.stdout.write(build_table(TrackTable.read(parser.parse_args().targets)))


if __name__ == "__main__":
    main()
