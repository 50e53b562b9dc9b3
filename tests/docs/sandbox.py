"""The folder that blocks of the documentation run in, and the names that they may use there.

Taken from the repository: `example_data/`, `tools/`, `benchmarks/` and `workflow/`, as links.

Made here, once per test session:

    hg38.fa, genome.fa, mm10.fa        example_data/chr22.fa.gz, not compressed
    variants.vcf.gz, mouse.vcf.gz      example_data/variants.vcf.gz, with an index
    cohort.bcf                         the same as BCF
    common.vcf.gz                      example_data/locus.vcf.gz
    locus.bim, 1000G.22.bim            example_data/locus.bim
    gencode.gtf.gz                     three genes whose transcription starts lie near variants
    peaks.bed                          candidate elements near these genes
    targets_human.txt                  the track table of the model
    labelled_scores.tsv.gz             scores of variants on 30 contigs, made up
    more_scores.tsv.gz                 the same
    finemapped.tsv                     labels of these variants: a PIP in two tissues
    frequencies.vcf.gz                 these and two neighbours of each, with AF
    genes.gtf.gz                       the genes of these labels
    crispri.tsv, candidates.tsv        measured pairs of tests/data, and their elements with an activity
    dnase.bw, targets.txt              a made-up track of a part of chr22, if pybigtools is installed
    test.bed, sequences.bed            this part, as a test sequence, and as training and validation sequences
    model.safetensors                  random weights, a 2,048-bp window, real identifiers of tracks

Where a block names no model, commands take `model.safetensors`: every option can be set by an environment variable.
"""

import csv
import gzip
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tests.builders import bgzip, index_variants, make_bcf, make_model, targets_text, write_text
from tests.conftest import REPOSITORY
from tests.docs import command_server

EXAMPLE_DATA = REPOSITORY / "example_data"
LINKED = ("example_data", "tools", "benchmarks", "workflow")
COMMANDS = (
    "SCORE", "ATTENTION", "BOUNDARIES", "CALIBRATE", "CONTRIBUTIONS", "ENHANCERS", "TRACKS", "EVALUATE", "SATURATE",
)  # fmt: skip
NAMED_TRACKS = {
    "CNhs11841": "CAGE:bronchogenic carcinoma cell line:ChaGo-K-1",
    "CNhs12331": "CAGE:B lymphoblastoid cell line: GM12878 ENCODE, biol_rep1",
    "ENCFF136DBS": "DNASE:HepG2",
    "CNhs12349": "CAGE:Hepatocyte, donor1",
    # Of the packaged groups of GTEx: adipose tissue, adrenal gland, aorta.
    "CNhs10615": "CAGE:adipose tissue, adult, pool1",
    "CNhs11793": "CAGE:adrenal gland, adult, pool1",
    "ENCFF452CPH": "DNASE:adrenal gland male adult (37 years)",
    "CNhs11760": "CAGE:aorta, adult, pool1",
}
# Transcription starts within the 1,024 bp that the stand-in predicts around some of the variants.
GENES = (("GENEA", 19_723_500, 19_724_500, "+"), ("GENEB", 19_700_000, 19_722_700, "-"),
         ("GENEC", 19_693_900, 19_699_000, "+"))  # fmt: skip
TAGS = 'transcript_type "protein_coding"; tag "basic"; tag "Ensembl_canonical"; tag "MANE_Select";'
PEAKS = ((19_723_200, 19_723_420), (19_722_900, 19_723_000), (19_693_300, 19_693_700))
LONGEST_ADDRESS = 100  # of a socket, in letters
PREDICTED = (19_600_000, 19_640_000)


def make_files(folder: Path) -> None:
    """Writes the files that are named above."""
    genome = gzip.decompress((EXAMPLE_DATA / "chr22.fa.gz").read_bytes())
    for name in ("hg38.fa", "genome.fa", "mm10.fa"):
        (folder / name).write_bytes(genome)
        shutil.copy(EXAMPLE_DATA / "chr22.fa.gz.fai", folder / f"{name}.fai")
    for name in ("variants.vcf.gz", "mouse.vcf.gz"):
        copy_indexed(EXAMPLE_DATA / "variants.vcf.gz", folder / name)
    copy_indexed(EXAMPLE_DATA / "locus.vcf.gz", folder / "common.vcf.gz")
    index_variants(make_bcf(folder / "cohort.bcf", EXAMPLE_DATA / "variants.vcf.gz"))
    for name in ("locus.bim", "1000G.22.bim"):
        shutil.copy(EXAMPLE_DATA / "locus.bim", folder / name)
    bgzip(folder / "gencode.gtf.gz", annotation().encode())
    peaks = (f"chr22\t{start}\t{end}\tpeak{number}\n" for number, (start, end) in enumerate(PEAKS))
    (folder / "peaks.bed").write_text("".join(peaks))
    make_model(folder / "model.safetensors", human=NAMED_TRACKS)
    (folder / "targets_human.txt").write_text(
        targets_text(tuple(NAMED_TRACKS.values()), identifiers=tuple(NAMED_TRACKS))
    )
    for seed, name in enumerate(("labelled_scores.tsv.gz", "more_scores.tsv.gz")):
        write_labelled_scores(folder / name, seed)
    write_labels(folder / "finemapped.tsv")
    write_frequencies(folder / "frequencies.vcf.gz")
    write_genes(folder / "genes.gtf.gz")
    write_measured_pairs(folder)
    if importlib.util.find_spec("pybigtools"):
        write_coverage(folder)


def copy_indexed(source: Path, target: Path) -> None:
    shutil.copy(source, target)
    shutil.copy(f"{source}.tbi", f"{target}.tbi")


def annotation() -> str:
    """Gene and transcript records as GENCODE writes them."""
    lines = []
    for name, start, end, strand in GENES:
        tags = f'gene_id "{name}"; gene_type "protein_coding"; gene_name "{name}";'
        for kind, more in (("gene", ""), ("transcript", f' transcript_id "{name}.1"; {TAGS}')):
            lines.append(f"chr22\ttest\t{kind}\t{start}\t{end}\t.\t{strand}\t.\t{tags}{more}\n")
    return "".join(lines)


def places() -> Iterator[tuple[str, int, str]]:
    """Contig, position and ID of 90 variants, far from each other: no two of different groups share anything."""
    for index in range(90):
        yield f"chr{index % 30 + 1}", 10_000_000 * (index // 30 + 1), f"rs{index}"


def write_labelled_scores(path: Path, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(90, 4))
    values[::3] *= 3
    header = "#CHROM\tPOS\tID\tREF\tALT\tSTATUS\t" + "\t".join(f"SAD_T{track}" for track in range(4))
    rows = [
        "\t".join([contig, str(position), name, "A", "G", "ok", *(f"{value:.9g}" for value in row)])
        for (contig, position, name), row in zip(places(), values, strict=True)
    ]
    write_text(path, "".join(f"{line}\n" for line in [header, *rows]))


def write_labels(path: Path) -> None:
    """Every third variant is causal in both tissues."""
    with path.open("w") as handle:
        writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
        writer.writerow(["variant", "tissue", "pip", "gene_id", "tss_distance", "slope"])
        for index, (contig, position, _) in enumerate(places()):
            for tissue in ("Liver", "Lung"):
                pip = 0.95 if index % 3 == 0 else 0.001
                slope = 0.3 if index % 2 else -0.3
                name = f"{contig}_{position}_A_G_b38"
                writer.writerow([name, tissue, pip, f"GENE{index}", 100 * index - 4500, slope])


def write_frequencies(path: Path) -> None:
    lines = ["##fileformat=VCFv4.2", '##INFO=<ID=AF,Number=A,Type=Float,Description="Allele frequency">']
    lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    lines += [
        f"{contig}\t{position + step}\t{name}_{step}\tA\tG\t.\tPASS\tAF={0.3 + step / 10_000:g}"
        for contig, position, name in places()
        for step in (0, 7, 60)
    ]
    bgzip(path, "".join(f"{line}\n" for line in lines).encode())


def write_genes(path: Path) -> None:
    """The genes of `write_labels`, at the distances that it states."""
    lines = []
    for index, (contig, position, _) in enumerate(places()):
        start = position - 100 * index + 4500
        lines.append(f'{contig}\tX\tgene\t{start}\t{start + 99}\t.\t+\t.\tgene_id "GENE{index}";\n')
    bgzip(path, "".join(lines).encode())


def write_measured_pairs(folder: Path) -> None:
    text = (REPOSITORY / "tests" / "data" / "crispri_chr22.tsv").read_text()
    (folder / "crispri.tsv").write_text(text)
    elements = {(row["chrom"], row["start"], row["end"]): row["dhs_rpm"]
                for row in csv.DictReader(text.splitlines(), delimiter="\t")}  # fmt: skip
    lines = ("\t".join((*place, activity)) + "\n" for place, activity in elements.items())
    (folder / "candidates.tsv").write_text("chrom\tstart\tend\tactivity\n" + "".join(lines))


def write_coverage(folder: Path) -> None:
    import pybigtools

    start, end = PREDICTED
    values = np.random.default_rng(1).random((end - start) // 128)
    file = pybigtools.open(str(folder / "dnase.bw"), "w")
    file.write(
        {"chr22": 19_920_000},
        (("chr22", start + 128 * i, start + 128 * (i + 1), float(value)) for i, value in enumerate(values)),
    )
    (folder / "targets.txt").write_text(
        "index\tidentifier\tfile\tscale\tsum_stat\tdescription\n0\tENCFF136DBS\tdnase.bw\t1\tmean\tDNASE:HepG2\n"
    )
    (folder / "test.bed").write_text(f"chr22\t{start}\t{end}\ttest\n")
    middle = start + 24_000
    (folder / "sequences.bed").write_text(f"chr22\t{start}\t{middle}\ttrain\nchr22\t{middle}\t{end}\tvalid\n")


def copy_files(made: Path, folder: Path) -> None:
    """Gives a page its own folder: links to what was made and to the repository's files."""
    for source in made.iterdir():
        (folder / source.name).symlink_to(source)
    for name in LINKED:
        for source in (REPOSITORY / name).rglob("*"):
            if source.is_file() and "__pycache__" not in source.parts:
                link = folder / source.relative_to(REPOSITORY)
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(source)


@contextmanager
def served_commands(folder: Path) -> Iterator[dict[str, str]]:
    """The environment for blocks; its `enformer-vep` does not load torch every time (where processes can fork)."""
    programs = folder / "bin"
    programs.mkdir()
    (programs / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    program = programs / "enformer-vep"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ENFORMER_VEP_")},
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
        "HF_HUB_OFFLINE": "1",
        "ENFORMER_VEP_QUIET": "1",
        **{f"ENFORMER_VEP_{command}_MODEL": "model.safetensors" for command in COMMANDS},
    }
    address = str(folder / "socket")
    if sys.platform != "linux" or len(address) > LONGEST_ADDRESS:
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m enformer_vep "$@"\n')
        make_executable(programs)
        yield environment
        return
    program.write_text(command_server.CLIENT.format(python=sys.executable, address=address))
    make_executable(programs)
    server = subprocess.Popen(
        [sys.executable, command_server.__file__, address],
        env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert server.stdout
        assert server.stdout.readline() == "ready\n"
        yield environment
    finally:
        server.kill()
        server.communicate()


def make_executable(folder: Path) -> None:
    for program in folder.iterdir():
        program.chmod(0o755)
