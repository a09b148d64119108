"""What the Makefile calls: prepares a machine and runs Pulumi, with the standard library alone.

Start it with `python3 -m toolchain COMMAND`. It runs before the virtual environment exists, so no
module here imports anything but the standard library and `airgap.cli.build`, which holds to the
same rule.
"""
