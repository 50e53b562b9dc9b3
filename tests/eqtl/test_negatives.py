import math
import zlib

import numpy as np
import pytest

from enformer_vep.eqtl.eqtl_settings import LabelSettings
from enformer_vep.eqtl.labels import read_labels
from enformer_vep.eqtl.negative_settings import GeneRule, NegativeSettings
from enformer_vep.eqtl.negative_tables import balance_text, labels_text, matches_text, sites_text
from enformer_vep.eqtl.negatives import NegativeInputs, choose_negatives
from enformer_vep.errors import InputError, UsageError
from enformer_vep.statistics.metrics import auroc
from tests.eqtl.panels import Panel, random_panel

LABELS = LabelSettings()
SMALL = NegativeSettings(reach=60_000)


def choose(panel, folder, settings=SMALL, form="gz", blocks=None, labels=LABELS):
    inputs = NegativeInputs((panel.table(folder),), panel.vcf(folder, form), panel.gtf(folder), blocks)
    return choose_negatives(inputs, labels, settings)


def pairs(chosen):
    """Every positive's tissue, contig and position with those of its negatives."""
    return [
        (one.positive.tissue, *one.positive.key[:2], [negative.key[:2] for negative in one.negatives])
        for one in chosen.matched
    ]


@pytest.fixture(scope="module")
def panel():
    return random_panel()


@pytest.fixture(scope="module")
def chosen(panel, tmp_path_factory):
    return choose(panel, tmp_path_factory.mktemp("negatives"))


def brute_force(panel, wanted, settings, blocks=None):
    """The same matching by a loop over all pairs, from the rows of the panel, with arithmetic of its own."""
    tss = {name: (contig, at, strand) for name, contig, at, strand in panel.genes}
    bad = {(label[0], label[1]) for label in panel.labels}
    minor = {(row[0], row[1]): min(row[5], 1 - row[5]) for row in panel.variants}

    def nearest(contig, position):
        return min((abs(at - position), at, name) for name, (on, at, _) in tss.items() if on == contig)[2]

    def block(position):
        return sum(edge < position for edge in blocks or ())

    result = []
    for tissue in dict.fromkeys(label[4] for label in panel.labels):
        own = [label for label in panel.labels if label[4] == tissue and label[5] >= 0.9]
        pools = []
        for contig, position, reference, *_, gene in own:
            contig = f"chr{contig}"
            mine = gene if settings.gene is GeneRule.SAME else nearest(contig, position)
            distance, frequency = abs(tss[mine][1] - position), minor[contig, position]
            pool = []
            for row in panel.variants:
                if (row[0][3:], row[1]) in bad or len(row[3]) != len(reference):
                    continue
                gene_of = mine if settings.gene is GeneRule.SAME else nearest(row[0], row[1])
                on, at, _ = tss[gene_of]
                other = abs(at - row[1])
                if on != row[0] or other > settings.reach or distance > settings.reach:
                    continue
                if row[0] == contig and abs(row[1] - position) < settings.apart:
                    continue
                if blocks and row[0] == contig and block(row[1]) == block(position):
                    continue
                far = abs(math.log10(100 + other) - math.log10(100 + distance)) / settings.distance_caliper
                rare = abs(min(row[5], 1 - row[5]) - frequency) / settings.frequency_caliper
                if far <= 1 and rare <= 1:
                    pool.append((far**2 + rare**2, row[0][3:], row[1]))
            pools.append([one[1:] for one in sorted(pool)])
        random = np.random.default_rng([settings.seed, zlib.crc32(tissue.encode())])
        taken, found = set(), [[] for _ in own]
        for _ in range(wanted):
            for one in random.permutation(len(own)):
                free = [place for place in pools[one] if place not in taken]
                if free:
                    taken.add(free[0])
                    found[one].append(free[0])
        kept = [some if len(some) == wanted else [] for some in found]
        result += [(tissue, label[0], label[1], some) for label, some in zip(own, kept, strict=True)]
    return result


@pytest.mark.parametrize(
    ("settings", "edges"),
    [
        (SMALL, None),
        (NegativeSettings(per_positive=3, reach=60_000, apart=5_000, distance_caliper=0.3, seed=7), None),
        (NegativeSettings(per_positive=2, gene=GeneRule.NEAREST, frequency_caliper=0.02), None),
        (NegativeSettings(gene=GeneRule.SAME, reach=60_000, distance_caliper=0.2), [20_000, 100_000, 180_000]),
    ],
)
def test_a_loop_over_all_pairs_chooses_the_same(tmp_path, settings, edges):
    panel = random_panel(3, variants=900, positives=60)
    blocks = None
    if edges:
        blocks = tmp_path / "blocks.bed"
        ends = [*edges[1:], 300_000]
        lines = [f"{c}\t{a}\t{b}\n" for c in ("chr1", "chr2") for a, b in zip(edges, ends, strict=True)]
        blocks.write_text("".join(lines))
        edges = [*edges, 300_000]
    found = choose(panel, tmp_path, settings, blocks=blocks)
    expected = brute_force(panel, settings.per_positive, settings, edges)
    assert sorted(pairs(found)) == sorted(expected)
    assert sum(bool(one[3]) for one in expected) >= 8


@pytest.mark.parametrize("form", ["plain", "bcf"])
def test_the_form_of_the_vcf_does_not_matter(panel, chosen, tmp_path, form):
    # BCF has frequencies in 32 bits.
    same = [one == other for one, other in zip(pairs(chosen), pairs(choose(panel, tmp_path, form=form)), strict=True)]
    assert np.mean(same) > 0.98


def test_what_a_negative_has_in_common_with_its_positive(chosen):
    taken = []
    for one in chosen.matched:
        for negative in one.negatives:
            place = one.positive.place
            assert (negative.gene, negative.kind) == (place.gene, place.kind)
            assert abs(math.log10((abs(negative.distance) + 100) / (abs(place.distance) + 100))) <= 0.1
            assert abs(negative.frequency - place.frequency) <= 0.05
            taken.append((one.positive.tissue, negative.key))
    assert len(taken) == len(set(taken)) > 40


def test_nothing_of_the_labels_is_a_negative(panel, chosen):
    known = {label[:2] for label in panel.labels}
    assert not {negative.key[:2] for one in chosen.matched for negative in one.negatives} & known


def labelled(chosen):
    rows = [line.split("\t") for line in labels_text(chosen).splitlines()]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def test_distance_and_frequency_explain_everything_before_and_nothing_after(panel, chosen):
    """Positives are near and common by construction."""
    everything = [(abs(row[1] - tss), min(row[5], 1 - row[5]))
                  for row in panel.variants for _, contig, tss, _ in panel.genes
                  if contig == row[0] and abs(row[1] - tss) < 60_000]  # fmt: skip
    rows = labelled(chosen)
    label = np.array([row["label"] == "1" for row in rows])
    own = {name: np.array([abs(float(row[name])) for row in rows]) for name in ("tss_distance", "maf")}
    before = np.r_[np.ones(label.sum()), np.zeros(len(everything))] == 1
    for sign, name, column in ((-1, "tss_distance", 0), (1, "maf", 1)):
        values = np.r_[own[name][label], [one[column] for one in everything]]
        assert auroc(before, sign * values) > 0.7
        assert auroc(label, sign * own[name]) == pytest.approx(0.5, abs=0.06)
    for one in chosen.balance:
        assert abs(one.difference_before) > 0.6
        assert abs(one.difference_after) < 0.1


def test_balance_is_that_of_the_tables(panel, chosen):
    rows = [line.split("\t") for line in balance_text(chosen).splitlines()]
    table = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    assert [(row["TISSUE"], row["COVARIATE"], row["STAGE"]) for row in table[:2]] == [
        ("lung", "log10_distance", "before"),
        ("lung", "log10_distance", "after"),
    ]
    own = [row for row in labelled(chosen) if row["tissue"] == "liver"]
    for name, value in (("maf", lambda row: float(row["maf"])),
                        ("log10_distance", lambda row: math.log10(abs(int(row["tss_distance"])) + 1))):  # fmt: skip
        before, after = (row for row in table if row["TISSUE"] == "liver" and row["COVARIATE"] == name)
        means = [np.mean([value(row) for row in own if row["label"] == label]) for label in "10"]
        assert [float(after["POSITIVE_MEAN"]), float(after["NEGATIVE_MEAN"])] == pytest.approx(means, rel=1e-4)
        scale = np.sqrt((float(before["POSITIVE_SD"]) ** 2 + float(before["NEGATIVE_SD"]) ** 2) / 2)
        assert float(after["STANDARDISED_DIFFERENCE"]) == pytest.approx((means[0] - means[1]) / scale, abs=1e-4)
        assert int(before["NEGATIVES"]) > 1000


def test_labels_read_as_they_are(chosen, tmp_path):
    path = tmp_path / "matched.tsv"
    path.write_text(labels_text(chosen))
    table = read_labels([path], LABELS)
    outcomes = table["outcome"].value_counts()
    assert outcomes["positive"] == outcomes["negative"] == sum(bool(one.negatives) for one in chosen.matched)
    assert table["frequency"].notna().all()
    assert table["distance"].notna().all()
    assert set(table["contig"]) == {"chr1", "chr2"}


def test_sites_have_every_variant_once_in_order(chosen, tmp_path):
    from enformer_vep.genome.vcf import read_variants

    path = tmp_path / "sites.vcf"
    path.write_text(sites_text(chosen))
    found = [(one.contig, one.position, one.reference, one.alternate) for one in read_variants(str(path))]
    assert found == sorted(set(found))
    assert set(found) == {(row["#CHROM"], int(row["POS"]), row["REF"], row["ALT"]) for row in labelled(chosen)}


def test_every_positive_is_accounted_for(panel, tmp_path):
    strange = [
        ("1", 5, "A", "<DEL>", "lung", 0.95, "G10"), ("1", 50, "A", "C", "lung", 0.95, "NOGENE"),
        ("1", 51, "A", "C", "lung", 0.95, ""), ("1", 390_000, "A", "C", "lung", 0.95, "G10"),
        ("1", 20_001, "A", "C", "lung", 0.95, "G10"), ("1", 20_001, "C", "A", "lung", 0.95, "G10"),
    ]  # fmt: skip
    panel = Panel(panel.variants, panel.genes, [*strange, *panel.labels])
    found = choose(panel, tmp_path)
    lines = [line.split("\t") for line in matches_text(found).splitlines()[1:]]
    assert len(lines) == sum(label[5] >= 0.9 for label in panel.labels)
    assert [line[7] for line in lines[:6]] == [
        "alleles_not_bases", "gene_not_in_annotation", "no_gene", "out_of_reach", "no_frequency", "repeated",
    ]  # fmt: skip


def test_those_with_fewer_are_left_out_unless_kept(tmp_path):
    panel = Panel(genes=[("G", "chr1", 1000, "+")], labels=[("1", 2000, "A", "G", "lung", 1, "G")])
    panel.variants = [("chr1", 2000, "p", "A", "G", 0.3), ("chr1", 2001, "n", "A", "G", 0.7)]
    two = NegativeSettings(per_positive=2)
    with pytest.raises(
        InputError, match=r"no positive has a negative \(1 fewer_than_wanted\); widen the calipers, give --keep-fewer"
    ):
        choose(panel, tmp_path, two)
    kept = choose(panel, tmp_path, NegativeSettings(per_positive=2, keep_fewer=True))
    assert pairs(kept) == [("lung", "1", 2000, [("1", 2001)])]
    assert kept.matched[0].negatives[0].frequency == pytest.approx(0.3)


def test_alleles_of_one_record_have_their_own_frequency(tmp_path):
    panel = Panel(genes=[("G", "chr1", 1000, "-")], labels=[("1", 2000, "A", "G", "lung", 1, "G")])
    panel.variants = [
        ("chr1", 2000, "p", "A", "C,G", "0.01,0.3"), ("chr1", 2001, "n", "A", "C,G,T", "0.01,.,0.31"),
        ("chr1", 2002, "m", "A", "C", "0"), ("chr1", 2003, "s", "A", "*,<DEL>", "0.3,0.3"),
    ]  # fmt: skip
    (one,) = choose(panel, tmp_path).matched
    assert one.positive.place.frequency == pytest.approx(0.3)
    assert one.positive.place.distance == -1000
    assert [(place.key.position, place.key.alternate) for place in one.negatives] == [(2001, "T")]
    assert one.candidates == 1


def test_frequencies_of_the_labels_stand_in(tmp_path):
    """A positive that the VCF has not; MAF 0.3 stands in the table as the frequency of the other allele."""
    panel = Panel(genes=[("G", "chr1", 1000, "+")], variants=[("chr1", 2001, "n", "A", "G", 0.3)])
    path = tmp_path / "l.tsv"
    path.write_text("chrom\tpos\tref\talt\tpip\tgene_id\taf\nchr1\t2000\tA\tG\t1\tname_G\t0.7\n")
    found = choose_negatives(NegativeInputs((path,), panel.vcf(tmp_path), panel.gtf(tmp_path)), LABELS, SMALL)
    assert pairs(found) == [("all", "1", 2000, [("1", 2001)])]


def test_the_seed_decides_who_chooses_first(tmp_path):
    panel = random_panel(3, variants=900, positives=60)
    first, again, other = (
        pairs(choose(panel, tmp_path, NegativeSettings(reach=60_000, distance_caliper=0.3, seed=seed)))
        for seed in (44, 44, 45)
    )
    assert first == again != other


def test_memory_holds_no_more_than_the_pools(monkeypatch):
    """Whatever is offered, each positive keeps the nearest."""
    from enformer_vep.eqtl.pools import Place, Pools
    from enformer_vep.genome.alleles import VariantClass
    from enformer_vep.tables.matching import VariantKey

    def place(position, distance, frequency):
        key = VariantKey.of("1", position, "A", "G")
        return Place(key, "chr1", ".", "G", distance, frequency, VariantClass.SNV, 0)

    random = np.random.default_rng(1)
    pools = Pools([place(1, 10_000, 0.3)], NegativeSettings(), by_block=False)
    offered = [place(n + 2, int(d), f) for n, (d, f) in enumerate(zip(
        random.integers(8_500, 11_500, 3000), random.uniform(0.26, 0.34, 3000), strict=True))]  # fmt: skip
    for one in offered:
        pools.offer(one)

    def cost(one):
        off = math.log10((one.distance + 100) / 10_100) / 0.1
        return off**2 + ((one.frequency - 0.3) / 0.05) ** 2

    assert pools.limit == 100
    assert pools.nearest_first(0) == sorted(offered, key=cost)[:100]


def test_blocks_that_overlap(panel, tmp_path):
    blocks = tmp_path / "b.bed"
    blocks.write_text("chr1\t0\t1000\nchr1\t900\t2000\n")
    with pytest.raises(InputError, match="blocks overlap at 1:901"):
        choose(panel, tmp_path, blocks=blocks)


def test_frequencies_that_are_none(tmp_path):
    panel = Panel(genes=[("G", "chr1", 1000, "+")], labels=[("1", 2000, "A", "G", "lung", 1, "G")])
    panel.variants = [("chr1", 2000, "p", "A", "G", 30)]
    with pytest.raises(InputError, match="chr1:2000: AF 30 is not from 0 to 1"):
        choose(panel, tmp_path)
    with pytest.raises(InputError, match=r"no INFO field MAF; .*bcftools \+fill-tags"):
        choose(panel, tmp_path, NegativeSettings(info="MAF"))


def test_labels_without_genes(tmp_path):
    panel = Panel(genes=[("G", "chr1", 1000, "+")], labels=[("1", 2000, "A", "G", "lung", 1, "")])
    panel.variants = [("chr1", 2000, "p", "A", "G", 0.3), ("chr1", 2001, "n", "A", "G", 0.3)]
    with pytest.raises(InputError, match=r"no positive has a gene; name its column .* or give --gene nearest"):
        choose(panel, tmp_path)
    assert len(choose(panel, tmp_path, NegativeSettings(gene=GeneRule.NEAREST)).matched[0].negatives) == 1


@pytest.mark.parametrize("words", [{"distance_caliper": 0}, {"frequency_caliper": -1}])
def test_calipers_are_above_0(words):
    with pytest.raises(UsageError, match="-caliper must be above 0"):
        NegativeSettings(**words)
