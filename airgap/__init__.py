"""Stand-in toolchain for machines that reach package mirrors only."""
