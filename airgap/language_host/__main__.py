"""Entry point of the executable ``pulumi-language-python``."""

from airgap.language_host.serve import serve

if __name__ == "__main__":
    serve()
