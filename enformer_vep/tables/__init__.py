"""The row of a result, and every format it is written in or read from."""
