"""Behind the reverse proxies of docs/deployment.md, with TLS at the proxy and a sub-path."""

from __future__ import annotations

import asyncio
import re
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from streamer.client import Client
from streamer.soak.site import free_port, listens
from streamer.web import credentials
from streamer.web.access import address_of
from streamer.web.proxies import behind_proxies
from streamer.web.serve_app import serving
from tests.process.web.conftest import TOKEN, serve_settings
from tests.requirements import program, require
from tests.waiting import wait

DOCS = Path(__file__).parents[3] / "docs" / "deployment.md"
NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {cert}; ssl_certificate_key {key}; {location} }}
}}
"""
CADDY = """
{{
    admin off
    auto_https disable_redirects
}}
https://127.0.0.1:{port} {{
    tls {cert} {key}
    {location}
}}
"""


def documented(language):
    """The example of a language in the documentation."""
    return re.search(rf"```{language}\n(.*?)```", DOCS.read_text(), re.DOTALL)[1]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("behind")
    (folder / "token").write_text(TOKEN)
    (folder / "token").chmod(0o600)
    credentials.add_user(folder / "users", "ann", "correct horse")
    web = {"token": folder / "token", "users": folder / "users", "proxies": ["127.0.0.1"]}
    with serving(serve_settings(folder, ["a"], **web)) as (_, server):
        yield server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    require("openssl", program("openssl"), "apt-get install openssl")
    folder = tmp_path_factory.mktemp("tls")
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    out = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run(["openssl", *words.split(), *out], check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


def begin(words, port):
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait(lambda: listens(port) or process.poll() is not None, 15)
    assert process.poll() is None, words
    return process


def begin_nginx(folder, server, certificate, *, change=lambda text: text):
    require("nginx", program("nginx"), "apt-get install nginx-light")
    port, (cert, key) = free_port(), certificate
    location = change(documented("nginx")).replace("127.0.0.1:8080", server.url.removeprefix("http://"))
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, cert=cert, key=key, location=location))
    process = begin([program("nginx"), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")], port)
    return process, f"https://127.0.0.1:{port}"


def begin_caddy(folder, server, certificate):
    require("caddy", program("caddy"), "apt-get install caddy")
    port, (cert, key) = free_port(), certificate
    location = documented("caddy").replace("127.0.0.1:8080", server.url.removeprefix("http://"))
    (folder / "Caddyfile").write_text(CADDY.format(port=port, cert=cert, key=key, location=location))
    words = [program("caddy"), "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    return begin(words, port), f"https://127.0.0.1:{port}"


@pytest.fixture(scope="module", params=[begin_nginx, begin_caddy], ids=["nginx", "caddy"])
def proxy(request, served, certificate, tmp_path_factory):
    process, url = request.param(tmp_path_factory.mktemp("proxy"), served, certificate)
    yield url
    process.terminate()
    process.wait()


def test_log_in_behind_a_sub_path_stays_in_it_and_its_cookie_is_secure(proxy):
    answer = httpx.get(f"{proxy}/cams/", verify=False)
    assert answer.status_code == 303
    assert httpx.URL(f"{proxy}/cams/").join(answer.headers["location"]).path == "/cams/login"
    with httpx.Client(base_url=f"{proxy}/cams/", verify=False, headers={"Origin": proxy}) as browser:
        answer = browser.post("api/v1/session", json={"user": "ann", "password": "correct horse"})
        assert answer.status_code == 201, answer.text
        assert "; secure" in answer.headers["set-cookie"].lower()
        assert browser.get("api/v1/cameras").status_code == 200


def test_a_websocket_passes_a_proxy_with_the_origin_of_the_page(proxy):
    tls = ssl._create_unverified_context()
    url = f"{proxy.replace('https', 'wss')}/cams/api/v1/cameras/a/results?images=none"
    with connect(url, ssl=tls, origin=proxy, additional_headers={"Authorization": f"Bearer {TOKEN}"}) as socket:
        assert socket.recv(10)
    with Client(f"{proxy}/cams", token=TOKEN, verify=False) as client:
        results = client.results("a")
        assert next(results).index >= 0
        results.close()


def test_without_host_a_websocket_is_refused_in_a_line_that_names_the_remedy(served, certificate, tmp_path):
    process, url = begin_nginx(
        tmp_path, served, certificate, change=lambda text: text.replace("proxy_set_header Host $http_host;", "")
    )
    try:
        with pytest.raises(InvalidStatus) as caught:
            connect(
                f"{url.replace('https', 'wss')}/cams/api/v1/cameras/a/results",
                ssl=ssl._create_unverified_context(),
                origin=url.replace("127.0.0.1", "localhost"),
            )
        assert b"pass Host on, or add the name to web.names" in caught.value.response.body
        session = httpx.get(f"{url}/cams/api/v1/session", params={"origin": "https://cams.example"}, verify=False)
        assert session.status_code == 401
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize(
    ("peer", "forwarded", "seen"),
    [
        ("127.0.0.1", "10.0.0.1", ("10.0.0.1", "https", "cams.example")),
        ("127.0.0.1", "6.6.6.6, 10.0.0.1", ("10.0.0.1", "https", "cams.example")),
        ("192.168.7.7", "10.0.0.1", ("10.0.0.1", "https", "cams.example")),
        ("10.9.9.9", "10.0.0.1", ("10.9.9.9", "http", "h")),
    ],
)
def test_each_client_of_a_proxy_has_a_rate_limit_of_its_own(peer, forwarded, seen):
    found = []

    async def app(scope, _receive, _send):
        found.append((address_of(scope), scope["scheme"], dict(scope["headers"])[b"host"].decode()))

    names = {
        "host": "h",
        "x-forwarded-for": forwarded,
        "x-forwarded-proto": "https",
        "x-forwarded-host": "cams.example",
    }
    headers = [(name.encode(), value.encode()) for name, value in names.items()]
    scope = {"type": "http", "scheme": "http", "client": (peer, 1), "headers": headers}

    async def request() -> None:
        await behind_proxies(app, ["127.0.0.1", "192.168.0.0/16"])(scope, None, None)

    asyncio.run(request())
    assert found == [seen]


def test_headers_of_a_peer_that_is_no_proxy_are_not_believed(locked):
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    answer = httpx.post(f"{locked[1].url}/api/v1/session", json={"token": TOKEN}, headers=headers)
    assert "secure" not in answer.headers["set-cookie"].lower()
