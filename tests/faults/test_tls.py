"""Cameras behind TLS: a certificate that nobody vouches for is not trusted unless that is asked for."""

from __future__ import annotations

import ssl
import subprocess

import pytest

from streamer.errors import SourceError, UsageError
from streamer.soak.proxy import Proxy
from streamer.soak.site import PATH
from streamer.sources import open_source
from streamer.types import Frame
from tests.requirements import program, require


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Signed by itself, for `localhost`."""
    require("openssl", program("openssl"), "apt-get install openssl")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", folder / "key.pem", "-out", folder / "cert.pem"),
        ],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture
def camera(site, certificate):
    """The URL of a camera over TLS, without its options, by its right name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    with Proxy(site.port, tls=context) as wire:
        yield f"rtsps://viewer:first@localhost:{wire.port}/{PATH}"


def first_frame(url: str) -> Frame:
    source = open_source(url)
    try:
        return next(item for item in source if isinstance(item, Frame))
    finally:
        source.close()


def test_a_certificate_that_nobody_vouches_for_is_refused_with_the_remedy(camera):
    with pytest.raises(SourceError, match="self-signed certificate; give its own certificate with #ca=") as error:
        open_source(camera)
    assert error.value.cause == "tls"


def test_a_certificate_that_is_given_is_trusted_for_its_own_name_alone(camera, certificate):
    assert first_frame(f"{camera}#ca={certificate}/cert.pem").width == 320
    with pytest.raises(SourceError, match="not valid for") as error:
        open_source(f"{camera.replace('localhost', '127.0.0.1')}#ca={certificate}/cert.pem")
    assert error.value.cause == "tls"


def test_anybody_is_trusted_only_where_that_is_asked_for(camera):
    assert first_frame(f"{camera}#verify=0").width == 320


def test_certificates_that_are_not_there_are_named(camera, tmp_path):
    with pytest.raises(UsageError, match="there is no certificate file"):
        open_source(f"{camera}#ca={tmp_path}/none.pem")
