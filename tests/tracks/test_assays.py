import pytest

from enformer_vep.tracks.assays import assay_of, is_repressive, says_expression


@pytest.mark.parametrize(
    ("description", "assay", "speaks", "repressive"),
    [
        ("CAGE:liver, adult", "CAGE", True, False),
        ("DNASE:K562", "DNASE", True, False),
        ("ATAC:heart", "ATAC", True, False),
        ("RNA:liver", "RNA", True, False),
        ("CHIP:H3K27me3:liver", "CHIP:H3K27me3", True, True),
        ("CHIP:H3K9me3:liver male", "CHIP:H3K9me3", True, True),
        ("CHIP:H3K27Ac:liver", "CHIP:H3K27Ac", True, False),
        ("CHIP:H2BK120ac:H1", "CHIP:H2BK120ac", True, False),
        ("CHIP:H3K4me1:liver", "CHIP:H3K4me1", True, False),
        ("CHIP:H3K36me3:liver", "CHIP:H3K36me3", True, False),
        ("CHIP:POLR2AphosphoS5:K562", "CHIP:POLR2AphosphoS5", True, False),
        ("CHIP:CTCF:H3K27ac liver", "CHIP:CTCF", False, False),
        ("CHIP:H2AFZ:liver", "CHIP:H2AFZ", False, False),
        ("CHIP:EZH2:liver", "CHIP:EZH2", False, False),
        ("CHIP:.:LoVo_ARNT", "CHIP:.", False, False),
        ("CHIP:H3K27me3", "CHIP", False, False),
        ("H3K27me3 of the liver", "", False, False),
        ("", "", False, False),
    ],
)
def test_what_an_assay_says(description, assay, speaks, repressive):
    assert assay_of(description) == assay
    assert says_expression(description) is speaks
    assert is_repressive(description) is repressive
