"""Entry point of the executable ``pulumi-resource-random``."""

import sys

from airgap.provider.serve import serve
from airgap.random_provider.resources import PROVIDER

if __name__ == "__main__":
    sys.exit(serve(PROVIDER))
