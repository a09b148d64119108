"""Entry point of the executable ``pulumi-language-python``."""

import sys

from airgap.language_host.serve import serve

if __name__ == "__main__":
    sys.exit(serve())
