"""`python -m enformer_vep`."""

from enformer_vep.cli.main import run

# Worker processes import this module again.
if __name__ == "__main__":
    run()
