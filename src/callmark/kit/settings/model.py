"""Every setting: what it is, its default and its bounds."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from callmark.kit.errors import SetupError
from callmark.kit.roles import ROLES, parse_roles
from callmark.kit.settings import addresses, paths, rules
from callmark.kit.settings.retention import RetentionSettings
from callmark.kit.settings.secret import Secret


def default_data_dir() -> Path:
    """Where an embedded installation keeps its data: the system's state for root, else the user's.

    Raises SetupError where that user has no home, as in a container with a user of its own choice. A HOME that is no
    full path counts as none: the data would be found from one directory and not from another.
    """
    if os.geteuid() == 0:
        return Path("/var/lib/callmark")
    if Path(os.environ.get("HOME", "/")).is_absolute():
        with suppress(RuntimeError):
            return Path.home() / ".local/share/callmark"
    raise SetupError("this user has no home directory for the data: set CALLMARK_DATA, or HOME to a full path")


def demo_data_dir() -> Path:
    """Where `callmark demo` does by default."""
    return default_data_dir().with_name("callmark-demo")


class Settings(RetentionSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Every setting of the platform; `CALLMARK_` plus the upper-case name is its variable."""

    postgres_dsn: Annotated[
        Secret | None,
        Meta(
            description="DSN of an existing PostgreSQL (15 or newer); several hosts name a primary and its standbys;"
            " unset starts the embedded one."
        ),
    ] = None
    nats_url: Annotated[
        Secret | None,
        Meta(
            description="URL of an existing NATS (2.10 or newer), `nats://` or `tls://`, or several, separated by"
            " commas; unset starts the embedded one."
        ),
    ] = None
    nats_credentials: Annotated[
        Path | None,
        Meta(description="Credentials file for the NATS servers: a `.creds` file, or the seed of an NKEY user."),
    ] = None
    nats_ca: Annotated[
        Path | None,
        Meta(
            description="File of the certificates that sign those of the NATS servers; unset: the system's. With it, a"
            " server without TLS is refused, as it is for `tls://`."
        ),
    ] = None
    nats_certificate: Annotated[
        Path | None, Meta(description="Certificate file that NATS servers may ask for; needs `nats_key`.")
    ] = None
    nats_key: Annotated[Path | None, Meta(description="File of that certificate's private key.")] = None
    data: Annotated[
        Path,
        Meta(
            description="Data directory of the embedded engines (root: `/var/lib/callmark`, else"
            " `~/.local/share/callmark`)."
        ),
    ] = msgspec.field(default_factory=default_data_dir)
    postgres_bin: Annotated[
        Path | None,
        Meta(description="Directory of the embedded PostgreSQL's programs; by default in the wheel, then the system."),
    ] = None
    nats_bin: Annotated[
        Path | None,
        Meta(
            description="The `nats-server` program for the embedded engine; by default in the wheel, then the system."
        ),
    ] = None
    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 chooses a free one.")] = 8700
    roles: Annotated[
        str,
        Meta(
            description="What `callmark serve` runs here, separated by commas:"
            f" {', '.join(f'`{role}`' for role in sorted(ROLES))}."
        ),
    ] = ",".join(sorted(ROLES))
    processes: Annotated[int, Meta(ge=1, le=64, description="Number of HTTP processes of `callmark serve`.")] = 1
    admin_host: Annotated[
        str,
        Meta(
            description="Address for health and metrics. Anyone who reaches it sees versions, routes and counts, but no"
            " data of businesses."
        ),
    ] = "127.0.0.1"
    admin_port: Annotated[
        int,
        Meta(
            ge=0,
            le=65535,
            description="Port for the first process's health and metrics; each further process uses the next. 0: free"
            " ones.",
        ),
    ] = 0
    public_url: Annotated[
        str,
        Meta(
            description="Address for clients and handsets: `http://` or `https://`, a host, optionally a port, no path;"
            " empty: derived from host and port."
        ),
    ] = ""
    pool_size: Annotated[
        int,
        Meta(ge=2, le=200, description="Database connections per process, plus up to 8 for batched statements."),
    ] = 10
    api_load: Annotated[
        int,
        Meta(
            ge=800,
            le=100_000,
            description="Work that each process takes in at once for the API and from handsets that ask over HTTP: a"
            " request counts 1, and 1 more for each 16 KiB of its body. Beyond that, or a quarter while it is behind,"
            " it answers 503 at once.",
        ),
    ] = 1024
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Lowest level that is logged.")
    ] = "info"
    otlp_endpoint: Annotated[
        str,
        Meta(
            description="OpenTelemetry collector that gets traces by OTLP over HTTP, such as `http://localhost:4318`;"
            " needs the extra `tracing`. The usual `OTEL_` variables set sampling and headers. Unset: nothing is"
            " traced."
        ),
    ] = ""
    min_app_version: Annotated[
        str,
        Meta(
            pattern=r"^\d{1,6}(\.\d{1,6}){0,3}$",
            description="Oldest handset app version, dotted integers, that can show a pushed identity.",
        ),
    ] = "1.0.0"
    bulk_deadline_s: Annotated[
        float, Meta(gt=0, le=60, description="Seconds a handset has to acknowledge a record pushed from a batch.")
    ] = 10.0
    real_time_deadline_s: Annotated[
        float,
        Meta(
            gt=0,
            le=2.9,
            description="Seconds a handset has to acknowledge a real-time push; the answer is due within 3 s.",
        ),
    ] = 2.5
    drain_s: Annotated[
        float,
        Meta(
            ge=0,
            le=60,
            description="Seconds for which HTTP processes continue to serve after the signal to stop, while `/readyz`"
            " answers 503, so that load balancers send new requests elsewhere.",
        ),
    ] = 0.0
    answers_a_day: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="How many callbacks one receiver may request from one business number within 24 hours, and"
            " how many times it may answer the number's campaigns; 0 means no limit. The emulator has no limit.",
        ),
    ] = 50
    calls_a_day: Annotated[
        int, Meta(ge=0, le=10**6, description="Calls one receiver may report in 24 hours; 0, as in the emulator: any.")
    ] = 1000
    trusted_proxies: Annotated[
        str,
        Meta(
            description="Addresses or networks of reverse proxies in front, separated by commas; the console's"
            " sign-in limit and audit log take a visitor's address from their `X-Forwarded-For`."
        ),
    ] = ""
    secret_key: Annotated[
        Secret | None,
        Meta(
            description="Secret of 32 or more characters that encrypts webhook secrets, signing keys and waiting"
            " emails with links, and signs links; unset: a generated one in the data directory. Every host needs the"
            " same value."
        ),
    ] = None
    old_secret_key: Annotated[
        Secret | None,
        Meta(
            description="The secret key before this one, while `callmark secret-key rotate` replaces it. Set on every"
            " host together with the new CALLMARK_SECRET_KEY, and unset after the rotation."
        ),
    ] = None
    object_store: Annotated[
        str,
        Meta(
            description="Where downloadable files are kept: `s3://bucket/prefix` (keys, region and endpoint in the"
            " usual `AWS_` variables); unset: the data directory. Every host needs the same value.",
        ),
    ] = ""
    listing_policy: Annotated[
        Literal["auto", "review"],
        Meta(
            description="What happens to numbers that a business publishes: `auto` lists them at once; `review` holds"
            " them until an operator approves or rejects the request."
        ),
    ] = "auto"
    foreign_callers: Annotated[
        Literal["refuse", "allow"],
        Meta(
            description="What happens to a call record whose caller is a number that another account has listed or is"
            " listing: `refuse` makes the record invalid; `allow` accepts it, for calls on another business's behalf."
        ),
    ] = "refuse"
    outgoing_networks: Annotated[
        str,
        Meta(
            description="Private networks that outgoing requests may reach, separated by commas, such as `10.1.0.0/16`:"
            " webhooks, but also certificates and icons whose address any caller chooses. Others are refused."
        ),
    ] = ""
    fcm_credentials_file: Annotated[
        Path | None,
        Meta(
            description="The JSON file of a Firebase service account, by which sleeping apps are woken; unset: none is."
        ),
    ] = None
    fcm_url: Annotated[str, Meta(description="Where Firebase Cloud Messaging is; for tests.")] = (
        "https://fcm.googleapis.com"
    )
    number_code_url: Annotated[
        str,
        Meta(
            description="Address that sends codes by which businesses prove numbers: it gets `number`, `code` and"
            " `channel` (`sms` or `call`) as a signed JSON POST. `https://`, or `http://` to this machine; unset: none"
            " are sent."
        ),
    ] = ""
    number_code_secret: Annotated[
        Secret | None, Meta(description="What signs those posts, as webhooks are signed: `whsec_` and base64.")
    ] = None
    smtp_host: Annotated[
        str,
        Meta(description="Mail server for outgoing emails; while unset, emails wait. The emulator shows them instead."),
    ] = ""
    smtp_port: Annotated[
        int, Meta(ge=0, le=65535, description="Port of the mail server; 0: 587, 465 or 25, depending on `smtp_tls`.")
    ] = 0
    smtp_tls: Annotated[
        Literal["starttls", "tls", "none"],
        Meta(description="Encryption to the mail server: `starttls`, `tls` (from the first byte) or `none`."),
    ] = "starttls"
    smtp_user: Annotated[str, Meta(description="User name for the mail server; unset: no login.")] = ""
    smtp_password: Annotated[Secret | None, Meta(description="Password of that user.")] = None
    mail_from: Annotated[
        str, Meta(description="Sender of emails, such as `Callmark <no-reply@example.com>`; required with `smtp_host`.")
    ] = ""
    emulator: Annotated[
        bool, Meta(description="Emulator mode: movable clock, virtual handsets, control API. For development only.")
    ] = False
    emulator_hosts: Annotated[
        str,
        Meta(
            description="Host names that may reach the emulator, besides loopback and the public URL, separated by"
            " commas; pages on these hosts may use it too."
        ),
    ] = ""
    emulator_force: Annotated[bool, Meta(description="Allow emulator mode on an address other than loopback.")] = False

    def __post_init__(self) -> None:
        """Brings values to one spelling, refuses those that cannot be meant, and lifts the emulator's limits."""
        rules.normalise(self)
        rules.check(self)
        for name in ("answers_a_day", "calls_a_day") if self.emulator else ():
            msgspec.structs.force_setattr(self, name, 0)

    @property
    def allows_plain_http(self) -> bool:
        """Whether what signed calls name may be at `http` addresses: in the emulator, which has no certificate."""
        return self.emulator

    @property
    def catches_mails(self) -> bool:
        """Whether mails are shown instead of sent."""
        return self.emulator

    @property
    def mails_leave(self) -> bool:
        """Whether mails are sent, or shown instead; else they wait for a mail server."""
        return self.catches_mails or bool(self.smtp_host)

    @property
    def embedded_postgres(self) -> bool:
        """Whether PostgreSQL is ours to start."""
        return self.postgres_dsn is None

    @property
    def chosen_roles(self) -> frozenset[str]:
        """The roles of `callmark serve` here."""
        return parse_roles(self.roles)

    @property
    def reached_admin_host(self) -> str:
        """Where this machine reaches the admin ports."""
        return addresses.REACHED.get(self.admin_host, self.admin_host)

    @property
    def local_url(self) -> str:
        """Where this machine reaches its own HTTP routes, whatever address they have elsewhere."""
        return addresses.http_url(addresses.REACHED.get(self.host, self.host), self.port)

    @property
    def embedded_nats(self) -> bool:
        """Whether NATS is ours to start."""
        return self.nats_url is None

    @property
    def reached_postgres(self) -> str:
        """The address of the database, for who runs once it is known. Raises SetupError when it is not."""
        if self.postgres_dsn is None:
            raise SetupError("CALLMARK_POSTGRES_DSN is not set")
        return self.postgres_dsn.reveal()

    def read_postgres_again(self) -> str:
        """The same as its file has it now; as it was, where there is none or it cannot be used."""
        if self.postgres_dsn and self.postgres_dsn.file:
            with suppress(OSError, ValueError):  # what is no text in UTF-8 is a ValueError too
                return addresses.postgres_dsn(paths.text_in(self.postgres_dsn.file))
        return self.reached_postgres

    @property
    def reached_nats(self) -> str:
        """As `reached_postgres`, the addresses of NATS."""
        if self.nats_url is None:
            raise SetupError("CALLMARK_NATS_URL is not set")
        return self.nats_url.reveal()
