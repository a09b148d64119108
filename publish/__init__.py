"""Own images in a registry: pushed there with a lock of their digests, and pulled by it."""
