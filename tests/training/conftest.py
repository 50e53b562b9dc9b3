from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training import toy


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def genome_form(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The toy as FASTA and bigWig: folder and data section."""
    pytest.importorskip("pybigtools")
    folder = tmp_path_factory.mktemp("genome_form")
    return folder, toy.write_genome_form(folder, toy.make_toy())


@pytest.fixture(scope="session")
def tfrecord_form(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The toy as TFRecords: folder and data section."""
    pytest.importorskip("google_crc32c")
    folder = tmp_path_factory.mktemp("tfrecord_form")
    return folder, toy.write_tfrecord_form(folder, toy.make_toy())
