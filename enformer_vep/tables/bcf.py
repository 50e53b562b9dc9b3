"""BCF, made by htslib from the text of the same VCF."""

import os
import threading
from pathlib import Path

from enformer_vep.tables.row import Contigs
from enformer_vep.tables.rowlog import RowLog
from enformer_vep.tables.vcf import EndVcfWriter, VcfWriter

_BUFFER_BYTES = 1 << 20
_PATIENCE = 1.0  # seconds


def write_bcf(rows: RowLog, path: Path) -> None:
    """Makes a BCF of all rows; contigs that are not known are declared besides. Raises OSError as it is written.

    Of a record with a symbolic allele, pysam writes the END that htslib assumes where there is none, POS. It
    has to be declared, so it is when there are such.
    """
    declared, symbolic = dict(rows.contigs), False
    for row in rows.identities():
        declared.setdefault(row.variant.contig, None)
        symbolic = symbolic or not row.variant.alternate.isalpha()
    reading, writing = os.pipe()
    pump = _Pump(rows, declared, EndVcfWriter if symbolic else VcfWriter, writing)
    pump.start()
    try:
        _convert(reading, path)
    except BaseException:
        # What went wrong in the pump is the cause of what went wrong here.
        pump.join(timeout=_PATIENCE)
        if pump.error is not None:
            raise pump.error from None
        raise
    pump.join()
    if pump.error is not None:
        raise pump.error


def _convert(descriptor: int, path: Path) -> None:
    import pysam

    verbosity = pysam.set_verbosity(0)
    try:
        with (
            os.fdopen(descriptor, "rb") as pipe,
            pysam.VariantFile(pipe) as text,
            pysam.VariantFile(str(path), "wb", header=text.header) as bcf,
        ):
            for record in text:
                bcf.write(record)
    finally:
        pysam.set_verbosity(verbosity)


class _Pump(threading.Thread):
    """Writes the text into a pipe."""

    def __init__(self, rows: RowLog, contigs: Contigs, kind: type[VcfWriter], descriptor: int) -> None:
        super().__init__(daemon=True)
        self._rows, self._contigs, self._kind, self._descriptor = rows, contigs, kind, descriptor
        self.error: Exception | None = None

    def run(self) -> None:
        """Writes all rows; what goes wrong is kept for the thread that reads."""
        try:
            with os.fdopen(self._descriptor, "wb", buffering=_BUFFER_BYTES) as pipe:
                writer = self._kind(pipe, self._rows.layout, self._contigs)
                writer.begin()
                for row in self._rows:
                    writer.write(row)
                writer.finish()
        except BrokenPipeError:
            pass  # the reader failed, and says why
        except Exception as error:
            self.error = error
