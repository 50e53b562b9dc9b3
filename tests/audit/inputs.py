"""What the audit scores: a small genome with its difficult places, alleles of every kind, genes, a network."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.audit.definitions import Allele, Gene, Transcript
from tests.builders import make_fasta, make_vcf, random_sequence, targets_text

WINDOW, BINS = 3072, 16
TRACKS = {"human": 5, "mouse": 3}
GROUPS = {"first": (0, 3), "all": (0, 1, 2), "one": (2,)}
OTHER_LETTER = dict(zip("ACGT", "GTAC", strict=True))


def contigs() -> dict[str, str]:
    """A contig longer than a window, with soft-masked, unknown and ambiguous stretches, and a shorter one."""
    random = np.random.default_rng(5)
    long, short = random_sequence(random, 9000), random_sequence(random, 2500)
    long = long[:3900] + long[3900:4120].lower() + long[4120:]
    long = long[:4440] + "R" + long[4441:5200] + "N" * 60 + long[5260:]
    return {"A": long, "B": short}


def alleles(contigs: dict[str, str]) -> list[Allele]:
    """In the order of the file: contig ends, N, lower case; distances of 1 to some hundred bp."""
    inserted = random_sequence(np.random.default_rng(6), 90)

    def substituted(contig: str, position: int, length: int = 1) -> Allele:
        reference = contigs[contig][position - 1 : position - 1 + length].upper()
        return Allele(contig, position, reference, "".join(OTHER_LETTER[letter] for letter in reference))

    def replaced(contig: str, position: int, length: int, alternate: str, kept: int = 1) -> Allele:
        """Of REF the first `kept` letters stay, as VCF writes indels."""
        reference = contigs[contig][position - 1 : position - 1 + length].upper()
        return Allele(contig, position, reference, reference[:kept] + alternate)

    last = len(contigs["A"])
    first = substituted("A", 4000)
    second = next(letter for letter in "ACGT" if letter not in first.reference + first.alternate)
    return [
        substituted("A", 1),
        replaced("A", 2, 1, "ACG"),
        replaced("A", 33, 9, ""),
        first,
        Allele("A", 4000, first.reference, second),
        substituted("A", 4001),
        substituted("A", 4004, 3),
        replaced("A", 4040, 1, "GATTACA"),
        replaced("A", 4110, 6, ""),
        replaced("A", 4125, 4, "GGCTTAC", kept=0),
        replaced("A", 4300, 131, ""),
        replaced("A", 4460, 1, inserted),
        Allele("A", 4463, substituted("A", 4463).reference, "N"),
        substituted("A", 4700),
        replaced("A", 5150, 1, "T"),
        substituted("A", 5200),
        replaced("A", 5261, 3, ""),
        substituted("A", 8000, 2),
        replaced("A", last - 5, 6, ""),
        substituted("A", last),
        substituted("B", 1),
        replaced("B", 1200, 40, inserted[:7]),
        replaced("B", 2500, 1, "C"),
    ]


def few(contigs: dict[str, str]) -> list[Allele]:
    """One of each kind, close together, and some at the ends of contigs."""
    return [one for one in alleles(contigs) if 4000 <= one.position < 4400 or one.position in (1, 1200)]


def records(contigs: dict[str, str], alleles: Sequence[Allele]) -> list[tuple[Allele, str]]:
    """Alleles in the order of the file with what STATUS says of them; some are added that have no score."""
    letter, deleted = (contigs["A"][index].upper() for index in (4001, 4199))
    wrong = OTHER_LETTER[letter]
    some = [(allele, "ok") for allele in alleles]
    some.append((Allele("A", 4002, wrong, letter), "ref_mismatch"))
    some.append((Allele("A", 4200, deleted, "<DEL>"), "symbolic_allele"))
    return sorted(some, key=lambda one: (one[0].contig, one[0].position))


T = Transcript
GENES = (
    # Three starts, two of them in one bin or in neighbours, and others that count for some questions only.
    Gene(
        "forward",
        "A",
        "+",
        3950,
        6000,
        (
            T(3950, 6000),
            T(4100, 5000, tags=("basic", "MANE_Select", "Ensembl_canonical")),
            T(4141, 5900, tags=("basic",)),
            T(4420, 5900, "nonsense_mediated_decay", ("basic",)),
            T(4700, 5900, "retained_intron"),
            T(3800, 5900, "protein_coding", ("mRNA_start_NF",)),
            T(3600, 5900, "protein_coding_CDS_not_defined"),
        ),
    ),
    Gene("reverse", "A", "-", 2000, 4500, (T(2000, 4500), T(2100, 4180, tags=("Ensembl_canonical",)))),
    # No transcript starts where the gene does.
    Gene("late", "A", "+", 4650, 5600, (T(4950, 5600, "lncRNA"),), "lncRNA"),
    Gene("late_reverse", "A", "-", 3000, 4350, (T(3100, 4001, "x"), T(3000, 3500, "x")), "lncRNA"),
    Gene("bare", "A", "-", 5000, 5900),
    # One start inside, two in the bins next to those predicted around 4000, on either side.
    Gene("long", "A", "+", 2900, 8900, (T(2900, 8900), T(4260, 8000, tags=("MANE_Plus_Clinical",)), T(5100, 8900))),
    Gene("end", "A", "+", 7950, 8990, (T(7950, 8990), T(8990, 8990))),
    Gene("short", "B", "-", 10, 1500, (T(10, 1300, "retained_intron"), T(20, 1500, "retained_intron"))),
)


def write_variants(path: Path, sequences: dict[str, str], alleles: Sequence[Allele]) -> Path:
    """A VCF; those of one position share a record."""
    alternates: dict[tuple[str, int, str], list[str]] = {}
    for allele, _ in records(sequences, alleles):
        place = (allele.contig, allele.position, allele.reference)
        alternates.setdefault(place, []).append(allele.alternate)
    rows = [(*place[:2], ".", place[2], ",".join(some)) for place, some in alternates.items()]
    return make_vcf(path, rows, {name: len(text) for name, text in sequences.items()})


def write_genome(path: Path, sequences: dict[str, str]) -> Path:
    return make_fasta(path, sequences)


def write_genes(path: Path) -> Path:
    """A GTF."""
    lines = []
    for gene in GENES:
        words = f'gene_id "{gene.identifier}"; gene_name "{gene.identifier}"; gene_type "{gene.type}";'
        rows = [("gene", gene.first, gene.last, words)]
        for number, one in enumerate(gene.transcripts):
            more = f' transcript_id "{gene.identifier}_{number}"; transcript_type "{one.type}";'
            more += "".join(f' tag "{tag}";' for tag in one.tags)
            rows.append(("transcript", one.first, one.last, words + more))
        for kind, first, last, text in rows:
            lines.append("\t".join(map(str, (gene.contig, "t", kind, first, last, ".", gene.strand, ".", text))))
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def write_groups(path: Path) -> Path:
    path.write_text("".join(f"{track}\t{name}\n" for name, tracks in GROUPS.items() for track in tracks))
    return path


def write_network(path: Path) -> Path:
    """A network whose predictions vary from bin to bin, and that knows left from right."""
    import torch

    from enformer_vep.models.checkpoints import save_model
    from enformer_vep.models.enformer.config import EnformerConfig
    from enformer_vep.models.enformer.network import Enformer
    from tests.builders import randomise

    config = EnformerConfig(
        channels=16,
        transformer_layers=2,
        attention_heads=2,
        key_size=8,
        channel_multiple=4,
        target_length=BINS,
        window=WINDOW,
        output_tracks=TRACKS,
    )
    network = Enformer(config).eval()
    randomise(network, seed=7)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.mul_(1.3)
        # Of every track some bins are high and others low, none of them nothing.
        window = torch.eye(4)[torch.randint(4, (1, WINDOW), generator=torch.Generator().manual_seed(8))]
        embedding = network.embed(window)[0]
        for head in network.heads.values():
            deviation, mean = torch.std_mean(embedding @ head.weight.t(), dim=0)
            head.weight.div_(deviation[:, None])
            head.bias.copy_(1 - mean / deviation)
    save_model(network, path, {f"targets_{name}": targets_text(["x"] * n) for name, n in TRACKS.items()})
    return path
