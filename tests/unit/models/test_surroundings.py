"""What a provider's client takes from the process around it: proxies and authorities, and nothing else.

Asked from a process of its own, so that it can have an environment of its own.
"""

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from appx.models.builtin import BUILTIN
from tests.fakes.openai_server import Asked, Server
from tests.fakes.streams import step

pytestmark = pytest.mark.timeout(60)  # the process loads all libraries anew

KEY = "own-key-0123456789"
FOREIGN = "foreign-0123456789"
GPT = "gpt-5.5"
CLAUDE = "claude-sonnet-5-5"
GEMINI = "gemini-3.5-flash"

ASK = """
import json, sys, tempfile
from dataclasses import replace
from pathlib import Path
import anyio
from pydantic import SecretStr
from appx.domain.messages import UserMessage
from appx.models.builtin import known
from appx.models.model import ModelFailed, Request
from appx.models.registry import Models

async def main(key, asks):
    request = Request(system="", messages=(UserMessage(text="hi"),), tools=(), thinking="off", session="s")
    with tempfile.TemporaryDirectory() as state:
        for model_id, address in json.loads(asks):
            info = replace(known(model_id), base_url=address)
            models = Models(state=Path(state), keys={info.provider: SecretStr(key)})
            try:
                print((await models.open(info).reply(request, lambda _: None)).text)
            except ModelFailed as failure:
                print("failed:", failure)
            await models.aclose()

anyio.run(main, *sys.argv[1:])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What six questions came to, by name: the answer here, and what was asked there."""

    answers: Mapping[str, str]
    asked: Mapping[str, Sequence[Asked]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """One process for all questions: it takes seconds to load the libraries."""
    folder = tmp_path_factory.mktemp("authorities")
    elsewhere = "http://elsewhere.invalid"
    environment = {
        "NO_PROXY": "localhost,127.0.0.1",
        "SSL_CERT_FILE": str(folder / "trusted" / "authority.pem"),
        "ANTHROPIC_API_KEY": FOREIGN, "ANTHROPIC_AUTH_TOKEN": FOREIGN, "ANTHROPIC_BASE_URL": elsewhere,
        "OPENAI_API_KEY": FOREIGN, "OPENAI_BASE_URL": elsewhere, "OPENAI_ORG_ID": FOREIGN, "OPENAI_PROJECT_ID": FOREIGN,
        "GEMINI_API_KEY": FOREIGN, "GOOGLE_API_KEY": FOREIGN, "GOOGLE_GEMINI_BASE_URL": elsewhere,
        "GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_CLOUD_PROJECT": FOREIGN, "GOOGLE_CLOUD_LOCATION": FOREIGN,
    }  # fmt: skip
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(Server(plan_for(model)))
            for name, model in (
                ("proxy", GPT), ("openai", GPT), ("anthropic", CLAUDE), ("google", GEMINI),
                ("trusted", GPT), ("unheard-of", GPT),
            )
        }  # fmt: skip
        questions = {
            "proxy": (GPT, "http://provider.invalid/v1"),
            "openai": (GPT, servers["openai"].url),
            "anthropic": (CLAUDE, servers["anthropic"].url.removesuffix("/v1")),
            "google": (GEMINI, servers["google"].url.removesuffix("/v1")),
            "trusted": (GPT, behind_tls(servers["trusted"], folder / "trusted")),
            "unheard-of": (GPT, behind_tls(servers["unheard-of"], folder / "unheard-of")),
        }
        environment["http_proxy"] = servers["proxy"].url.removesuffix("/v1")
        answers = ask(environment, *questions.values())
    return Found(
        answers=dict(zip(questions, answers, strict=True)),
        asked={name: server.asked for name, server in servers.items()},
    )


def ask(environment: Mapping[str, str], *asks: tuple[str, str]) -> list[str]:
    """Ask each (model, address) from a process with this environment and no more; its words or its failure."""
    argv = [sys.executable, "-W", "error", "-c", ASK, KEY, json.dumps(asks)]
    done = subprocess.run(
        argv, env={"PYTHONPATH": os.pathsep.join(sys.path), **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def plan_for(model_id: str) -> Sequence[Mapping[str, object]]:
    return [step(next(info.api for info in BUILTIN if info.id == model_id), text="Hi")]


def test_a_proxy_is_asked_instead_of_the_provider(found: Found) -> None:
    assert found.answers["proxy"] == "Hi"
    assert [asked.path for asked in found.asked["proxy"]] == ["http://provider.invalid/v1/responses"]


@pytest.mark.parametrize("name", ["openai", "anthropic", "google"])
def test_a_host_that_needs_no_proxy_is_asked_directly(found: Found, name: str) -> None:
    assert found.answers[name] == "Hi"
    assert len(found.asked[name]) == 1


@pytest.mark.parametrize("name", ["proxy", "openai", "anthropic", "google"])
def test_no_key_address_or_organisation_of_the_environment_reaches_a_provider(found: Found, name: str) -> None:
    (asked,) = found.asked[name]
    told = json.dumps([asked.path, asked.headers, asked.body])
    assert FOREIGN not in told
    assert KEY in told


def test_an_authority_that_the_machine_trusts_is_trusted(found: Found) -> None:
    assert found.answers["trusted"] == "Hi"


def test_an_authority_that_nobody_knows_is_refused_before_the_key_is_sent(found: Found) -> None:
    assert found.answers["unheard-of"].startswith("failed: The connection to openai failed")
    assert found.asked["unheard-of"] == []


def behind_tls(server: Server, folder: Path) -> str:
    """The address of the server, which from now on speaks TLS for an authority of its own, ``authority.pem``."""
    folder.mkdir()
    make_certificates(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    server.wrap(context)
    return f"https://127.0.0.1:{server.port}/v1"


def make_certificates(folder: Path) -> None:
    """``authority.pem``, and ``server.pem`` (key and certificate) for 127.0.0.1."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    now = datetime.now(UTC)

    def builder(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
        )

    authority = (
        builder(issuer, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "provider")])
    certificate = (
        builder(subject, key.public_key()).add_extension(names, critical=False).sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "authority.pem").write_bytes(authority.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(private + certificate.public_bytes(pem))
