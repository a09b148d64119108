"""Changes made behind Pulumi's back, as somebody with the docker client or psql makes them."""

from __future__ import annotations

import io
import re
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from docker.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    import docker

Form = dict[str, Any]
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Engine:
    """The engine, and the stack whose parts are changed."""

    client: docker.DockerClient
    stack: str

    def name(self, part: str) -> str:
        """Name of a network or volume."""
        return f"plinth-{self.stack}-{part}"

    def container_name(self, component: str) -> str:
        """Name of a component's container, whether fixed or generated."""
        known = re.compile(rf"{re.escape(self.name(component))}(-[0-9a-f]{{6}})?")
        listed: Any = self.client.api.containers(all=True)  # looks into none: others come and go
        names = (name.removeprefix("/") for found in listed for name in found["Names"])
        return str(next(name for name in names if known.fullmatch(name)))

    def inspect(self, component: str) -> Form:
        inspected: Form = self.client.api.inspect_container(self.container_name(component))
        return inspected

    def remake(self, component: str, change: Callable[[Form], object]) -> None:
        """Make a container again under its name with one thing changed.

        `change` gets the engine's request, with the networks under `Networks`: aliases by name.
        """
        before = self.inspect(component)
        request = {
            **{key: value for key, value in before["Config"].items() if value is not None},
            "HostConfig": before["HostConfig"],
            "Networks": {
                name: [alias for alias in end["Aliases"] or [] if alias not in before["Id"]]
                for name, end in before["NetworkSettings"]["Networks"].items()
            },
        }
        change(request)
        networks = request.pop("Networks")
        api: Any = self.client.api  # the published stubs type only a part of it
        api.remove_container(before["Id"], force=True)
        made = api.create_container_from_config(request, before["Name"].removeprefix("/"))["Id"]
        api.disconnect_container_from_network(made, "bridge")
        for network, aliases in networks.items():
            api.connect_container_to_network(made, network, aliases=aliases)
        api.start(made)

    def write(self, container: str, path: str, content: str, mode: int = 0o440) -> None:
        """Put a file into a container or its volume, which need not run."""
        folder, _, name = path.rpartition("/")
        data = content.encode()
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(data), mode
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            archive.addfile(member, io.BytesIO(data))
        assert self.client.api.put_archive(container, folder, buffer.getvalue())

    def carrier(self, component: str) -> str:
        """Name of the container that carried a component's files."""
        found = self.client.containers.list(
            all=True,
            filters={
                "label": [
                    f"plinth.stack={self.stack}",
                    f"plinth.component={component}",
                    "plinth.role=files",
                ]
            },
        )
        return str(found[0].name)

    def remake_network(self, name: str, **settings: Any) -> None:
        """Make a network again with its members on it and something changed."""
        network = self.client.networks.get(self.name(name))
        network.reload()
        members = dict(network.attrs["Containers"])
        labels = network.attrs["Labels"]
        for member in members:
            network.disconnect(member)
        network.remove()
        made = self.client.networks.create(
            self.name(name), **{"driver": "bridge", "labels": labels, **settings}
        )
        for member in members:
            component = self.client.containers.get(member).labels["plinth.component"]
            made.connect(member, aliases=[component])

    def in_database(self, sql: str) -> str:
        """Run SQL as the superuser and return what it gave."""
        script = 'PGPASSWORD="$POSTGRES_PASSWORD" psql -qAt -U "$POSTGRES_USER" -c "$0"'
        container = self.client.containers.get(self.container_name("postgres"))
        ended: Any = container.exec_run(["sh", "-c", script, sql])
        assert ended.exit_code == 0, ended.output
        return str(ended.output.decode().strip())

    def exists(self, container: str) -> bool:
        try:
            self.client.containers.get(container)
        except NotFound:
            return False
        return True


def set_environment(request: Form, **values: str | None) -> None:
    """Set variables; None takes one away."""
    pairs = dict(entry.split("=", 1) for entry in request["Env"])
    for name, value in values.items():
        if value is None:
            pairs.pop(name)
        else:
            pairs[name] = value
    request["Env"] = [f"{name}={value}" for name, value in pairs.items()]


def change_auth(request: Form, leaked: str) -> None:
    """Change the environment, a network, and put a secret where it can be read."""
    set_environment(
        request,
        GOTRUE_JWT_EXP="7200",
        DEBUG_ADDED="yes",
        GOTRUE_DISABLE_SIGNUP=None,
        PGPASSWORD="a-password-of-nobody-at-all-0123456789",
    )
    request["Labels"]["added.label"] = leaked
    request["Networks"].pop(next(name for name in request["Networks"] if name.endswith("-data")))


def change_rest(request: Form, image: str) -> None:
    request["Image"] = image
    request["Labels"]["plinth.component"] = "rset"
    # Short, for drift is told once the first check has ended.
    request["Healthcheck"] |= {"Interval": 2 * 10**9, "Test": ["CMD", "true"]}
    name = next(name for name in request["Networks"] if name.endswith("-backend"))
    request["Networks"][name] = ["rest", "postgres"]


def change_mail(request: Form) -> None:
    host = request["HostConfig"]
    request["User"] = "1234:1234"
    request["Cmd"] = [*(request["Cmd"] or []), "--verbose"]
    request["StopTimeout"] = 1
    host |= {
        "CapAdd": ["NET_RAW"],
        "CapDrop": None,
        "CpuShares": 77,
        "Init": False,
        "Memory": 100 * MEBIBYTE,
        "MemorySwap": 200 * MEBIBYTE,
        "PidsLimit": 500,
        "ReadonlyRootfs": False,
        "SecurityOpt": None,
        "ShmSize": 32 * MEBIBYTE,
    }
    host["LogConfig"] = {"Type": "json-file", "Config": {}}


def change_gateway_port(request: Form, port: int) -> None:
    request["HostConfig"]["PortBindings"] = {
        "8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]
    }


def change_redis_mounts(request: Form, volume: str) -> None:
    request["HostConfig"]["Binds"].append(f"{volume}:/extra:rw")
    request["HostConfig"]["Tmpfs"] = {"/tmp": "rw,size=128m"}


DATABASE_CHANGES = """
alter role anon bypassrls;
alter role authenticator set statement_timeout = '1h';
alter role auth_admin password 'a-password-of-nobody-at-all-0123456789';
alter role authenticator_alternate password 'a-password-of-nobody-at-all-0123456789';
alter role auth_admin connection limit 3;
grant service_role to anon;
revoke anon from authenticator;
create role intruder superuser login;
grant select on auth.users to anon;
grant update (email) on auth.users to authenticated;
revoke usage on schema public from anon;
grant create on schema public to public;
grant connect on database postgres to anon;
alter default privileges in schema public grant truncate on tables to anon;
alter table auth.users disable row level security;
alter table auth.sessions force row level security;
create policy anybody on auth.users to anon using (true);
drop extension pgcrypto;
create extension citext;
drop function auth.email();
create or replace function auth.role() returns text language sql stable
  return 'service_role'::text;
alter event trigger plinth_auto_rls disable;
drop event trigger plinth_rest_reload;
drop index auth.idx_auth_code;
alter table auth.audit_log_entries add column added text;
alter system set log_statement = 'none';
create table exposed (id int);
alter table exposed disable row level security;
"""

OWN_OBJECTS = """
create schema reporting;
create table reporting.own (id int);
create table public.own (id int);
create role reporter;
grant usage on schema public to reporter;
grant select on public.own to reporter;
create function public.after_sign_up() returns trigger language plpgsql as 'begin return new; end';
create trigger own_trigger after insert on auth.users
  for each row execute function public.after_sign_up();
"""
"""What users make of their own; never drift."""
