import logging
import multiprocessing
import os
import pickle
import random
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from Bio import bgzf as biopython_bgzf

from enformer_vep.errors import InputError
from enformer_vep.files.bgzf import EOF_MARKER
from enformer_vep.genome import fasta
from enformer_vep.genome.fasta import Genome
from tests.builders import bgzip, fasta_text, make_fasta, random_sequence, write_text

CONTIGS = {
    "chr1": random_sequence(np.random.default_rng(1), 300_007),
    "chr2": random_sequence(np.random.default_rng(2), 120),
    "chrM": "acgtnNRYacgt",
}
NAMES = ["genome.fa", "genome.fa.gz"]


@pytest.fixture(params=NAMES)
def path(request, tmp_path):
    return make_fasta(tmp_path / request.param, CONTIGS)


def expected(contig, start, end):
    sequence = CONTIGS[contig].upper()
    return "".join(sequence[i] if 0 <= i < len(sequence) else "N" for i in range(start, end)).encode()


def test_contigs_and_their_order(path):
    lengths = [(name, len(letters)) for name, letters in CONTIGS.items()]
    assert list(Genome(path).contigs.items()) == lengths


@pytest.mark.parametrize(
    ("contig", "start", "end"),
    [
        ("chr1", 0, 10),
        ("chr1", 59, 61),
        ("chr1", 60, 120),
        ("chr1", 299_990, 300_007),
        ("chr1", 299_990, 300_020),
        ("chr1", -5, 5),
        ("chr1", -20, -10),
        ("chr1", 400_000, 400_007),
        ("chr1", 7, 7),
        ("chr2", -3, 130),
        ("chrM", 0, 12),
        ("chrM", 11, 12),
    ],
)
def test_fetch(path, contig, start, end):
    letters = Genome(path).fetch(contig, start, end)
    assert letters == expected(contig, start, end)
    assert len(letters) == end - start


def test_fetch_at_random(path):
    genome = Genome(path)
    chance = random.Random(0)
    padded = ("N" * 100 + CONTIGS["chr1"] + "N" * 3_000).encode()
    for _ in range(500):
        start = chance.randrange(-100, 300_100)
        end = start + chance.randrange(0, 2_000)
        assert genome.fetch("chr1", start, end) == padded[start + 100 : end + 100]


def test_every_block_boundary_of_full_bgzf_blocks(tmp_path):
    # Biopython fills its blocks to the last of 65,536 bytes, htslib does not.
    path = tmp_path / "full.fa.gz"
    sequence = random_sequence(np.random.default_rng(3), 200_000)
    with biopython_bgzf.BgzfWriter(str(path)) as handle:
        handle.write(fasta_text({"chr1": sequence}, width=61).encode())
    genome = Genome(path)
    for block in (65_536, 131_072):
        for start in range(block - 1_100 - 80, block - 1_000 + 80):
            assert genome.fetch("chr1", start, start + 300) == sequence[start : start + 300].encode()
    for start in range(64_300, 64_700):
        assert genome.fetch("chr1", start, start + 3) == sequence[start : start + 3].encode()


@pytest.mark.parametrize(
    ("names", "asked", "found"),
    [
        (["chr1", "chrM"], "1", "chr1"),
        (["chr1", "chrM"], "chr1", "chr1"),
        (["chr1", "chrM"], "MT", "chrM"),
        (["chr1", "chrM"], "M", "chrM"),
        (["1", "MT"], "chr1", "1"),
        (["1", "MT"], "chrM", "MT"),
        (["1", "MT"], "chrMT", "MT"),
        (["1", "chr1"], "1", "1"),
        (["1"], "2", None),
    ],
)
def test_resolve(tmp_path, names, asked, found):
    genome = Genome(make_fasta(tmp_path / "genome.fa", dict.fromkeys(names, "ACGT")))
    assert genome.resolve(asked) == found


def test_each_kind_of_mapping_is_logged_once(tmp_path, caplog):
    genome = Genome(make_fasta(tmp_path / "genome.fa", {"chr1": "ACGT", "chr2": "ACGT", "chrM": "ACGT"}))
    caplog.clear()
    with caplog.at_level(logging.INFO):
        for name in ("chr1", "1", "2", "1", "MT", "M"):
            genome.resolve(name)
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "Contig names are matched (with 'chr')",
        "Contig names are matched (mitochondrial names)",
    ]


def test_unknown_contig(path):
    with pytest.raises(InputError, match="no contig 'chr9'"):
        Genome(path).fetch("chr9", 0, 1)


def test_missing_index_is_made_once_and_logged(path, caplog):
    with caplog.at_level(logging.INFO):
        Genome(path)
        assert "there is no index yet" in caplog.text
        caplog.clear()
        Genome(path)
        assert not caplog.records
    files = {file.name for file in path.parent.iterdir()}
    assert files == {path.name, f"{path.name}.fai"} | ({f"{path.name}.gzi"} if path.suffix == ".gz" else set())


def test_stale_index_is_made_again(path, caplog):
    Genome(path)
    write_text(path, fasta_text({"chr7": "ACGTACGT"}))
    for index in path.parent.glob("*i"):
        os.utime(index, (1, 1))
    with caplog.at_level(logging.INFO):
        genome = Genome(path)
    assert "older than the FASTA" in caplog.text
    assert dict(genome.contigs) == {"chr7": 8}
    assert genome.fetch("chr7", 2, 6) == b"GTAC"


@pytest.fixture
def read_only(monkeypatch):
    def refuse(**arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", refuse)


@pytest.mark.usefixtures("read_only")
def test_read_only_folder(path, caplog):
    with caplog.at_level(logging.INFO):
        genome = Genome(path)
    assert "temporary folder" in caplog.text
    assert "Permission denied" in caplog.text
    assert genome.fetch("chr1", 100, 400) == expected("chr1", 100, 400)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    folder = genome._index[0].parent
    assert folder.is_dir()
    del genome
    assert not folder.exists()


@pytest.mark.usefixtures("read_only")
def test_forked_child_leaves_the_temporary_index_alone(path):
    genome = Genome(path)
    child = os.fork()
    if child == 0:
        fasta._remove_folder(genome._index[0].parent, owner=os.getppid())
        os._exit(0)
    os.waitpid(child, 0)
    assert genome._index[0].exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_really_read_only_folder(path):
    path.parent.chmod(0o500)
    try:
        assert Genome(path).fetch("chr2", 0, 4) == expected("chr2", 0, 4)
    finally:
        path.parent.chmod(0o700)


def read_many(genome, seed):
    chance = random.Random(seed)
    wrong = 0
    for _ in range(100):
        start = chance.randrange(0, 290_000)
        wrong += genome.fetch("chr1", start, start + 9_000) != CONTIGS["chr1"][start : start + 9_000].encode()
    return wrong


def test_threads_share_one_genome(path):
    genome = Genome(path)
    read_many(genome, 0)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda seed: read_many(genome, seed), range(8))) == 0


def read_in_child(genome, seed, results):
    results.put(read_many(genome, seed))


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_forks_share_one_genome(path):
    genome = Genome(path)
    read_many(genome, 0)  # opens the parent's handle, which the children inherit
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    children = [context.Process(target=read_in_child, args=(genome, seed, results)) for seed in range(4)]
    for child in children:
        child.start()
    wrong_here = read_many(genome, 99)
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * 4
    assert wrong_here + sum(results.get() for _ in children) == 0


def test_every_thread_and_process_has_its_own_handle(path):
    genome = Genome(path)
    handles = [genome._handle(), genome._handle()]
    thread = threading.Thread(target=lambda: handles.append(genome._handle()))
    thread.start()
    thread.join()
    assert handles[0] is handles[1]
    assert handles[2] is not handles[0]


def test_pickle(path):
    genome = pickle.loads(pickle.dumps(Genome(path)))
    assert genome.fetch("chr1", 5, 50) == expected("chr1", 5, 50)


def one_line(error) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"hello\n", "is not a FASTA file"),
        (b">chr1\r\nACGT\r\n", "Windows line ends .* line 1;.*dos2unix"),
        (b">chr1\nACGT\nAC\r\n", "Windows line ends .* line 3;"),
        (b">chr1\nACGT\nAC\nACGT\n>chr2\nA\n", "not consistent.*chr1.*line 3"),
        (b">chr1\nACGT\n>chr1\nACGT\n", "Duplicate key .chr1"),
        (b">\nACGT\n", "Bad sequence name"),
        (b">chr1\nAC\xff\xfe\n", "cannot be indexed"),
        (b"\x1f\x8b\x08\x00" + bytes(30), "is plain gzip.*bgzip"),
    ],
)
def test_bad_fasta(tmp_path, content, message):
    path = tmp_path / "bad.fa"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        Genome(path)
    assert str(path) in one_line(error)
    assert [file.name for file in tmp_path.iterdir()] == ["bad.fa"]


def test_windows_line_ends_behind_the_first_look(tmp_path, monkeypatch):
    monkeypatch.setattr(fasta, "_SNIFFED_BYTES", 8)
    path = write_text(tmp_path / "late.fa", ">chr1\nACGT\n>chr2\r\nACGT\r\nAC\r\n")
    with pytest.raises(InputError, match=r"Windows line ends .* contig 'chr2'"):
        Genome(path)


def test_missing_file_and_directory(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        Genome(tmp_path / "none.fa")
    with pytest.raises(InputError, match="is a directory"):
        Genome(tmp_path)


def test_names_that_do_not_fit_the_content(tmp_path):
    plain = tmp_path / "plain.fa.gz"
    plain.write_bytes(b">chr1\nACGT\n")
    with pytest.raises(InputError, match="is not compressed"):
        Genome(plain)
    with pytest.raises(InputError, match=r"rename it to end in \.gz"):
        Genome(bgzip(tmp_path / "compressed.fa", b">chr1\nACGT\n"))


def test_truncated_bgzf(tmp_path):
    path = make_fasta(tmp_path / "cut.fa.gz", CONTIGS)
    path.write_bytes(path.read_bytes().removesuffix(EOF_MARKER))
    with pytest.raises(InputError, match="truncated") as error:
        Genome(path)
    one_line(error)


@pytest.mark.parametrize("indexed_before", [True, False])
def test_damaged_bgzf_block(tmp_path, indexed_before):
    path = make_fasta(tmp_path / "damaged.fa.gz", CONTIGS)
    if indexed_before:
        Genome(path)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    path.write_bytes(content)
    for index in tmp_path.glob("*i"):
        os.utime(index)
    with pytest.raises(InputError, match=r"damaged\.fa\.gz") as error:
        Genome(path).fetch("chr1", 0, 300_000)
    one_line(error)


def test_index_of_another_fasta(tmp_path):
    path = make_fasta(tmp_path / "genome.fa", {"chr1": "ACGT" * 5, "chr2": "ACGT"})
    Path(f"{path}.fai").write_text("chr1\t30\t6\t60\t61\n")
    with pytest.raises(InputError, match=r"does not fit its index.*delete"):
        Genome(path).fetch("chr1", 0, 30)
    Path(f"{path}.fai").write_text("rubbish\n")
    with pytest.raises(InputError, match=r"index that cannot be used.*delete"):
        Genome(path)


def test_windows_that_move_along_read_the_same_as_windows_that_jump(tmp_path: Path) -> None:
    random = np.random.default_rng(12)
    text = {"a": random_sequence(random, 5000), "b": random_sequence(random, 3000)}
    genome = Genome(make_fasta(tmp_path / "g.fa", text))
    starts = [0, 10, 10, 500, 480, 900, 4800, 0, 2500]
    for contig, start in [*(("a", one) for one in starts), ("b", 0), ("b", 700), ("a", 710)]:
        expected = text[contig][start : start + 400].ljust(400, "N").encode()
        assert genome.fetch(contig, start, start + 400) == expected
