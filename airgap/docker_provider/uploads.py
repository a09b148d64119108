"""Files that are put into a container before it starts."""

import base64
import binascii
import io
import tarfile
import time
from collections.abc import Iterable
from pathlib import Path

from airgap.docker_provider.inputs import Upload
from airgap.provider.resource import ProviderError


def archive(uploads: Iterable[Upload]) -> bytes:
    """Return a tar archive of the files, to be unpacked at the container's root.

    Raises:
        ProviderError: a file has no single source of content, or one that cannot be read.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for upload in uploads:
            content = _content(upload)
            tar.addfile(_member(upload, len(content)), io.BytesIO(content))
    return buffer.getvalue()


def _member(upload: Upload, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(upload.file.lstrip("/"))
    member.size = size
    member.mtime = time.time()
    if upload.permissions:
        member.mode = int(upload.permissions, 8)
    else:
        member.mode = 0o744 if upload.executable else 0o644
    if upload.owner.isdigit():
        member.uid = int(upload.owner)
    else:
        member.uname = upload.owner
    if upload.group.isdigit():
        member.gid = int(upload.group)
    else:
        member.gname = upload.group
    return member


def _content(upload: Upload) -> bytes:
    where = f"uploads: {upload.file}"
    given = [source for source in (upload.content, upload.content_base64, upload.source) if source]
    if len(given) != 1:
        raise ProviderError(f"{where}: give exactly one of content, contentBase64 and source")
    if upload.content:
        return upload.content.encode()
    if upload.content_base64:
        try:
            return base64.b64decode(upload.content_base64, validate=True)
        except binascii.Error:
            raise ProviderError(f"{where}: contentBase64 is not base64") from None
    try:
        return Path(upload.source).read_bytes()
    except OSError as error:
        raise ProviderError(f"{where}: cannot read {upload.source}: {error.strerror}") from None
