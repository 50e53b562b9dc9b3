"""`python -m enformer_vep`."""

from enformer_vep.cli.main import run

run()
