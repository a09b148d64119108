"""Entry point of the plugin ``pulumi-resource-docker``: ``python -m airgap.docker_provider``."""

from airgap.docker_provider.provider import docker_provider
from airgap.provider.serve import serve

if __name__ == "__main__":
    serve(docker_provider())
