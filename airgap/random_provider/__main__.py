"""Entry point of the executable ``pulumi-resource-random``."""

from airgap.provider.serve import serve
from airgap.random_provider.resources import PROVIDER

if __name__ == "__main__":
    serve(PROVIDER)
