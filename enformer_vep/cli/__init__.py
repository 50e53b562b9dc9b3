"""The command line: one file per command; parse, call once, map errors to exit codes."""
