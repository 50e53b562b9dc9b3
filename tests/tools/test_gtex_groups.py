"""The tissues of GTEx v8 and their tracks: what the rules take and what they leave, and the packaged file."""

import re

import pytest

from enformer_vep.tracks.groups import packaged_text
from enformer_vep.tracks.table import Track, TrackTable
from tools.make_gtex_groups import ASSAYS, RULES, build_table, unmapped

# Descriptions of the published human table; what follows is the tissues and the rule, read by eye.
MAPPED = {
    "CAGE:liver, adult, pool1": {"Liver part"},
    "CAGE:pituitary gland - adult,": {"Pituitary part"},
    "CAGE:colon, adult,": {"Colon_Sigmoid whole", "Colon_Transverse whole"},
    "CAGE:lung, right lower lobe, adult,": {"Lung part"},
    "CAGE:putamen, adult, , tech_": {"Brain_Putamen_basal_ganglia part"},
    "CAGE:Whole blood (ribopure), , donation2": {"Whole_Blood named"},
    "CAGE:B lymphoblastoid cell line: GM12878 ENCODE, biol_": {"Cells_EBV-transformed_lymphocytes named"},
    "DNASE:GM12878": {"Cells_EBV-transformed_lymphocytes named"},
    "DNASE:heart left ventricle female adult (53 years)": {"Heart_Left_Ventricle part"},
    "DNASE:Peyer's patch male adult (37 years)": {"Small_Intestine_Terminal_Ileum part"},
    "DNASE:cerebellum male adult (27 years) and male adult (35 years)": {
        "Brain_Cerebellar_Hemisphere part",
        "Brain_Cerebellum part",
    },
}
LEFT = [
    "CAGE:heart, fetal, pool1",
    "CAGE:heart, adult, pool1",  # the left ventricle is in the table
    "CAGE:left ventricle, adult, diseased,",
    "CAGE:heart - mitral valve, adult",
    "CAGE:skeletal muscle, fetal,",
    "CAGE:cerebellum, newborn,",
    "CAGE:brain, adult,",
    "CAGE:lung adenocarcinoma cell line:A549",
    "CAGE:Hepatocyte,",
    "CAGE:Fibroblast - skin walker warburg,",
    "CAGE:CD133+ stem cells - adult bone marrow derived, pool1",
    "CAGE:optic nerve,",
    "DNASE:heart left ventricle female embryo (136 days)",
    "DNASE:heart male child (3 years)",
    "DNASE:stomach male child (3 years)",
    "DNASE:small intestine male adult (34 years)",  # Peyer's patch is in the table
    "DNASE:skin fibroblast male embryo (97 days)",
    "DNASE:GM03348",
    "DNASE:HepG2",
    "DNASE:T-cell male adult (37 years)",
    "DNASE:kidney tubule cell female adult (80 years) treated with 5 uM cisplatin",
    "ATAC:BM1077-MCP / Bone Marrow CD34+ / pDC",
    "CHIP:H3K27ac:liver female adult (53 years)",
]


def rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return [line.split("\t") for line in lines[1:]]


def test_rules_on_descriptions_of_every_kind():
    table = TrackTable(tuple(Track(index, f"t{index}", text) for index, text in enumerate([*MAPPED, *LEFT])))
    found: dict[str, set[str]] = {description: set() for description in (*MAPPED, *LEFT)}
    for _, tissue, assay, description, rule in rows(build_table(table)):
        assert description.startswith(f"{assay}:")
        found[description].add(f"{tissue} {rule}")
    assert found == MAPPED | {description: set() for description in LEFT}


def test_a_whole_stands_in_only_where_no_part_is():
    artery = Track(0, "a", "CAGE:artery, adult")
    coronary = Track(1, "b", "CAGE:coronary artery, adult")
    assert rows(build_table(TrackTable((artery,))))[0][:2] == ["a", "Artery_Coronary"]
    both = {tuple(row[:2]) for row in rows(build_table(TrackTable((artery, coronary))))}
    assert both == {("b", "Artery_Coronary"), ("a", "Artery_Tibial")}


def test_the_packaged_file_is_what_the_rules_make(shared_directory):
    table = TrackTable.read(shared_directory / "data" / "targets" / "targets_human.txt")
    assert build_table(table) == packaged_text()


def test_every_tissue_and_assay_has_tracks_or_a_reason():
    tissues = [rule.tissue for rule in RULES]
    assert len(tissues) == len(set(tissues)) == 54
    mapped = {(tissue, assay) for _, tissue, assay, *_ in rows(packaged_text())}
    without = {(tissue, assay) for tissue, assay, _ in unmapped()}
    assert not mapped & without
    assert mapped | without == {(tissue, assay) for tissue in tissues for assay in ASSAYS}
    for tissue, assay, reason in unmapped():
        assert f"# without {assay}: {tissue} ({reason})\n" in packaged_text()


def test_no_packaged_track_is_twice_in_a_tissue():
    pairs = [(track, tissue) for track, tissue, *_ in rows(packaged_text())]
    assert len(pairs) == len(set(pairs)) > 150


@pytest.mark.parametrize("word", ["embryo", "fetal", "newborn", "child", "treated", "diseased", "carcinoma"])
def test_no_packaged_track_is_of_what_the_rules_exclude(word):
    assert not [row for row in rows(packaged_text()) if re.search(rf"\b{word}\b", row[3])]


def test_only_the_two_cell_types_of_gtex_are_cells():
    tissues = {tissue for _, tissue, _, _, rule in rows(packaged_text()) if rule == "named"}
    assert tissues == {"Cells_Cultured_fibroblasts", "Cells_EBV-transformed_lymphocytes", "Whole_Blood"}
