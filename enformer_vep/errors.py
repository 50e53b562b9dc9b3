"""Exceptions that a user may see.

Every message is one line that names what is wrong (file, line, contig, option) and ends with the remedy.
The command line prints it and exits with `exit_code`; nothing else is caught on purpose.
"""


class EnformerVepError(Exception):
    """Base of every error that is the input's or the environment's fault, not ours.

    Attributes:
        exit_code: What the command line exits with: 1 for data and I/O errors, 2 for usage errors.
    """

    exit_code = 1


class UsageError(EnformerVepError):
    """Options that contradict each other, or a value that cannot be understood."""

    exit_code = 2


class InputError(EnformerVepError):
    """A VCF, FASTA, BED or table that is missing, truncated or malformed."""


class ModelError(EnformerVepError):
    """Weights or a model configuration that are missing, damaged or of another shape."""


class OutputError(EnformerVepError):
    """A destination that cannot be written or completed."""


class DependencyError(EnformerVepError):
    """An optional package that this request needs; the message names the extra to install."""
