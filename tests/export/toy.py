"""Variants of one panel in every form: a scored table, PLINK files, summary statistics."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from enformer_vep.genome.variants import Status, Variant
from enformer_vep.tables.row import Layout, ScoredVariant, ValueBlock
from tests.tables.rows import open_writer

SNPS, PEOPLE = 240, 80
LAYOUT = Layout((ValueBlock("SAD", ("CAGE1", "CAGE2", "DNASE1")), ValueBlock("D1", ("CAGE1",))))
_PAIRS = ("AG", "GA", "AC", "CA", "TC", "CT", "TG", "GT")


@dataclass(frozen=True)
class Toy:
    """Files of a toy panel on chr22 and chr21.

    Attributes:
        folder: Where they lie.
        table: Scored table; the panel's first variant and every tenth are not in it, every 15th not scored.
        reference: REF of every variant of the panel.
        alternate: ALT.
        values: float32 [variants, columns]; NaN where the table has none.
        swapped: Where the panel's A1 is REF.
        genotypes: Copies of A1: int8 [variants, people].
    """

    folder: Path
    table: Path
    reference: list[str]
    alternate: list[str]
    values: np.ndarray
    swapped: np.ndarray
    genotypes: np.ndarray

    @property
    def bfile(self) -> Path:
        return self.folder / "panel.22"

    @property
    def bim(self) -> Path:
        return self.folder / "panel.22.bim"

    def ids(self) -> list[str]:
        return [f"rs{number}" for number in range(SNPS)]


def position(number: int) -> int:
    return 20_000_000 + 1000 * number


def make_toy(folder: Path) -> Toy:
    random = np.random.default_rng(4)
    pairs = [_PAIRS[number % len(_PAIRS)] for number in range(SNPS)]
    reference, alternate = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    values = random.normal(size=(SNPS, 4)).astype(np.float32)
    values[:, 3] = np.abs(values[:, 3])
    absent = np.arange(SNPS) % 10 == 0
    not_scored = np.arange(SNPS) % 15 == 1
    swapped = np.arange(SNPS) % 3 == 2
    table = folder / "scores.tsv.gz"
    with open_writer(str(table), LAYOUT) as writer:
        for number in np.flatnonzero(~absent):
            # Names differ from the panel's on purpose.
            variant = Variant("chr22", position(number), ".", reference[number], alternate[number])
            if not_scored[number]:
                writer.write(ScoredVariant(variant, Status.REF_MISMATCH, None))
            else:
                writer.write(ScoredVariant(variant, Status.OK, values[number]))
            # The same place with other alleles: never to be taken for the panel's.
            other = Variant("chr22", position(number), f"rs{number}", reference[number], "N")
            writer.write(ScoredVariant(other, Status.OK, np.full(4, 99, np.float32)))
    values[absent | not_scored] = np.nan
    genotypes = random.binomial(2, random.uniform(0.1, 0.9, SNPS)[:, None], (SNPS, PEOPLE)).astype(np.int8)
    genotypes[:, 0], genotypes[:, 1] = 0, 2
    toy = Toy(folder, table, reference, alternate, values, swapped, genotypes)
    write_plink(toy)
    return toy


def alleles(toy: Toy, number: int) -> tuple[str, str]:
    """A1 and A2."""
    pair = toy.alternate[number], toy.reference[number]
    return pair[::-1] if toy.swapped[number] else pair


def write_plink(toy: Toy) -> None:
    """Writes .bim, .fam, .bed (variant by variant) and .frq."""
    lines, frequencies = [], ["CHR SNP A1 A2 MAF NCHROBS"]
    for number in range(SNPS):
        a1, a2 = alleles(toy, number)
        lines.append(f"22\trs{number}\t{number / 100}\t{position(number)}\t{a1}\t{a2}")
        frequency = toy.genotypes[number].mean() / 2
        frequencies.append(f"22 rs{number} {a1} {a2} {min(frequency, 1 - frequency):.4f} {2 * PEOPLE}")
    toy.bim.write_text("\n".join(lines) + "\n")
    Path(f"{toy.bfile}.frq").write_text("\n".join(frequencies) + "\n")
    people = [f"f{number} p{number} 0 0 1 -9" for number in range(PEOPLE)]
    Path(f"{toy.bfile}.fam").write_text("\n".join(people) + "\n")
    # Two bits each, lowest first: 00 is two copies of A1, 10 is one, 11 is none.
    codes = np.array([0b11, 0b10, 0b00], np.uint8)[toy.genotypes].reshape(SNPS, -1, 4)
    packed = (codes << np.array([0, 2, 4, 6], np.uint8)).sum(axis=2).astype(np.uint8)
    Path(f"{toy.bfile}.bed").write_bytes(b"\x6c\x1b\x01" + packed.tobytes())


def write_z(toy: Toy, path: Path, z: np.ndarray, header: str = "rsid chromosome position allele1 allele2") -> Path:
    """Writes FINEMAP's .z: maf, beta, se."""
    lines = [f"{header} maf beta se"]
    for number in range(SNPS):
        a1, a2 = alleles(toy, number)
        lines.append(f"rs{number} 22 {position(number)} {a1} {a2} 0.3 {z[number] / 10:.6g} 0.1")
    path.write_text("\n".join(lines) + "\n")
    return path
