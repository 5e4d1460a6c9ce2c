"""Access control, credentials, and errors of the client."""

import json
import re
import socket
import stat
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from streamer.client import Client
from streamer.config.web_settings import WebSettings
from streamer.errors import CommandError, SinkError, StreamerError, UsageError
from streamer.rate_limit import TokenBuckets
from streamer.web import credentials
from streamer.web.access import COOKIE, MAX_BODY_BYTES, AccessPolicy, Sessions
from streamer.web.credentials import Credentials
from streamer.web.serve_app import serving
from streamer.web.server import listening
from tests.process.web.conftest import TOKEN, serve_settings
from tests.requirements import program, require
from tests.waiting import wait

TAKEN = r"cannot listen on 127\.0\.0\.1:\d+: Address already in use; set web\.port"
EVIL = "https://evil.example"


def websocket(server, camera="a", **options):
    return connect(f"{server.url.replace('http', 'ws')}/api/v1/cameras/{camera}/results?images=none", **options)


def test_without_credentials_only_the_log_in_answers(locked):
    _, server = locked
    for path in ("/api/v1/cameras", "/api/v1/openapi.json", "/metrics", "/api/v1/events", "/page/main.js"):
        answer = httpx.get(server.url + path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == "Bearer"
    assert httpx.get(server.url + "/").headers["location"] == "login"
    assert httpx.get(server.url + "/login").status_code == 200
    assert httpx.get(server.url + "/api/v1/health").json() == {"status": "ok"}


def test_without_credentials_no_result_is_sent_and_the_answer_says_why(locked):
    with pytest.raises(InvalidStatus) as caught, websocket(locked[1]):
        pass
    assert caught.value.response.status_code == 401
    with Client(locked[1].url) as client, pytest.raises(CommandError, match="credentials are required"):
        next(client.results("a"))


@pytest.mark.parametrize(
    ("camera", "query", "status", "message"),
    [
        ("nobody", "", 404, "there is no camera 'nobody'; there are: a, b"),
        ("a", "?images=gif", 422, "query: images: .*'none', 'jpeg' or 'h264', not 'gif'"),
        ("a", "?width=0", 422, "query: width: must be at least 1, not '0'"),
    ],
)
def test_a_stream_of_results_that_cannot_be_is_rejected_in_one_line(served, camera, query, status, message, caplog):
    url = f"{served[1].url.replace('http', 'ws')}/api/v1/cameras/{camera}/results{query}"
    with pytest.raises(InvalidStatus) as caught, connect(url):
        pass
    assert caught.value.response.status_code == status
    assert re.fullmatch(message, json.loads(caught.value.response.body)["error"])
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_certificate_is_checked_unless_verify_is_false(tmp_path):
    require("openssl", program("openssl"), "apt-get install openssl")
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    files = ["-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"]
    subprocess.run(["openssl", *words, *files], check=True, capture_output=True)
    settings = serve_settings(tmp_path, ["a"], certificate=tmp_path / "cert.pem", key=tmp_path / "key.pem")
    with serving(settings) as (_, server):
        with Client(server.url, verify=False) as client:
            wait(lambda: client.camera("a")["live"])
            assert next(client.results("a")).index >= 0
        with Client(server.url) as client:
            for request in (client.cameras, lambda: next(client.results("a"))):
                with pytest.raises(StreamerError, match="self-signed certificate"):
                    request()


@pytest.mark.parametrize(
    ("status", "headers", "message"),
    [
        (302, {"Location": "http://other.example/"}, "redirects to http://other.example/; use the address of"),
        (200, {}, "the answer is not JSON; is this `streamer serve`"),
    ],
)
def test_another_server_at_the_address_is_one_clear_line(status, headers, message):
    class Other(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Other) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        with Client(f"http://127.0.0.1:{other.server_port}") as client, pytest.raises(StreamerError, match=message):
            client.cameras()
        other.shutdown()
        thread.join()


def test_a_token_gives_access_and_a_wrong_one_does_not(locked):
    with Client(locked[1].url, token=TOKEN) as client:
        assert [camera["name"] for camera in client.cameras()] == ["a"]
        assert next(iter(client.results("a"))).index >= 0
    with (
        Client(locked[1].url, token=TOKEN + "x") as client,
        pytest.raises(CommandError, match="credentials are required"),
    ):
        client.cameras()


def test_a_user_logs_in_and_out_with_a_cookie_that_scripts_and_other_sites_do_not_get(locked):
    with httpx.Client(base_url=locked[1].url) as browser:
        answer = browser.post("/api/v1/session", json={"user": "ann", "password": "correct horse"})
        assert answer.status_code == 201
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert browser.get("/api/v1/cameras").status_code == 200
        assert browser.delete("/api/v1/session").status_code == 204
        browser.cookies.clear()
        browser.cookies.set(COOKIE, answer.cookies[COOKIE])  # a copy of the cookie
        assert browser.get("/api/v1/cameras").status_code == 401


def test_guessing_passwords_is_slowed_down(locked):
    server = locked[1]
    answers = [
        httpx.post(server.url + "/api/v1/session", json={"user": "ann", "password": f"guess {number}"}).status_code
        for number in range(8)
    ]
    assert answers.count(401) <= 5
    assert answers[-1] == 429


def test_another_origin_can_neither_send_commands_nor_read_results(served):
    _, server = served
    refused = httpx.post(server.url + "/api/v1/cameras/a/pause", headers={"Origin": EVIL})
    assert refused.status_code == 403
    assert "is not allowed" in refused.json()["error"]
    with pytest.raises((InvalidStatus, ConnectionClosed)), websocket(server, origin=EVIL) as connection:
        connection.recv(5)
    with websocket(server, origin=server.url) as connection:
        assert connection.recv(5)


def test_another_host_name_is_rejected(served):
    answer = httpx.get(served[1].url + "/api/v1/cameras", headers={"Host": "evil.example"})
    assert answer.status_code == 403
    assert "web.names" in answer.json()["error"]


@pytest.mark.parametrize("headers", [{"Host": "["}, {"Host": "a]b"}, {"Origin": "http://["}])
def test_headers_that_are_not_addresses_are_rejected(served, headers):
    assert httpx.post(served[1].url + "/api/v1/cameras", headers=headers, json={}).status_code in (400, 403)


@pytest.mark.parametrize("declares_its_length", [True, False])
def test_an_oversized_body_is_rejected(served, declares_its_length):
    body = b" " * (MAX_BODY_BYTES + 1)
    content = body if declares_its_length else iter([body[: 1 << 20]] * 5)
    headers = {"Content-Type": "application/json"}
    try:
        answer = httpx.post(served[1].url + "/api/v1/cameras", content=content, headers=headers)
    except httpx.WriteError:
        return  # the server closed before all of it was sent
    assert answer.status_code == 413


def test_too_many_requests_are_rejected():
    limits = TokenBuckets(rate=10.0, burst=20.0)
    assert [limits.take("a", 1.0) for _ in range(30)].count(True) == 20
    assert limits.take("b", 1.0)
    assert limits.take("a", 1.2)


def test_a_flood_of_requests_is_rejected_and_the_page_is_still_served(served):
    place = urlsplit(served[1].url)
    request = f"GET /api/v1/health HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode()
    with socket.create_connection((place.hostname, place.port), 10) as flood:
        flood.sendall(request * 300)
        answers = b""
        while answers.count(b"HTTP/1.1 ") < 300:
            answers += flood.recv(1 << 16)
    assert answers.count(b"HTTP/1.1 200") >= 50
    assert answers.count(b"HTTP/1.1 429") >= 50
    assert httpx.get(served[1].url + "/page/main.js").status_code == 200
    time.sleep(2)  # the limit recovers for the other tests


def test_messages_of_a_reader_are_checked(served):
    for message in ("no JSON", json.dumps({"seen": "all"}), json.dumps([1]), b"\x00\x01"):
        with websocket(served[1]) as connection:
            connection.send(message)
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    connection.recv(5)
            assert closed.value.rcvd.code in (1003, 1008)


def test_sessions_expire_and_are_limited():
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    first = sessions.begin()
    assert sessions.get(first)
    assert not sessions.get("")
    now[0] = 13 * 3600
    assert not sessions.get(first)
    for _ in range(1025):
        second = sessions.begin()
    assert sessions.get(second)


def test_pages_can_load_nothing_from_other_sites(served):
    headers = httpx.get(served[1].url).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_an_address_for_other_machines_requires_credentials_and_tls(tmp_path):
    open_to_all = WebSettings(host="0.0.0.0")
    with pytest.raises(
        UsageError, match=r"web\.host 0\.0\.0\.0: other machines can reach it, so credentials are required"
    ):
        listening(open_to_all, has_credentials=False)
    with pytest.raises(UsageError, match=r"set web\.certificate and web\.key"):
        listening(open_to_all, has_credentials=True)
    (tmp_path / "cert").write_text("nonsense")
    broken = WebSettings(host="0.0.0.0", certificate=tmp_path / "cert", key=tmp_path / "cert")
    with pytest.raises(UsageError, match="cannot be used"):
        listening(broken, has_credentials=True)


def test_a_port_that_is_taken_is_one_clear_line():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(SinkError, match=TAKEN):
            listening(WebSettings(port=other.getsockname()[1]), has_credentials=False)


def test_a_server_that_does_not_answer_is_one_clear_line():
    with Client("http://127.0.0.1:9") as client, pytest.raises(StreamerError, match="is `streamer serve` running"):
        client.cameras()


def test_errors_do_not_show_a_login_in_the_address():
    with Client("http://ann:hunter2@127.0.0.1:9") as client:
        for request in (client.cameras, lambda: next(client.results("a"))):
            with pytest.raises(StreamerError) as caught:
                request()
            assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://[", "http://host:port", "127.0.0.1:8080", "ftp://host"])
def test_an_address_that_is_not_http_is_one_clear_line(url):
    with pytest.raises(UsageError, match=r"is no address|write http://HOST:PORT"):
        Client(url)


def test_a_token_is_long_and_its_file_is_private(tmp_path):
    token = credentials.new_token(tmp_path / "token")
    assert len(token) > 40
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600
    assert credentials.read(tmp_path / "token", None).allows_token(token)
    with pytest.raises(UsageError, match="already exists"):
        credentials.new_token(tmp_path / "token")


def test_passwords_are_stored_as_hashes(tmp_path):
    credentials.add_user(tmp_path / "users", "ann", "correct horse")
    credentials.add_user(tmp_path / "users", "bob", "battery staple")
    credentials.add_user(tmp_path / "users", "ann", "another horse")
    text = (tmp_path / "users").read_text()
    assert "horse" not in text
    assert text.count("$argon2id$") == 2
    known = credentials.read(None, tmp_path / "users")
    assert known.allows_user("ann", "another horse")
    assert not known.allows_user("ann", "correct horse")
    assert not known.allows_user("carl", "another horse")


@pytest.mark.parametrize(
    ("mode", "text", "message"),
    [
        (0o644, TOKEN, "other users can read it; run chmod 600"),
        (0o600, "short", "at least 24 characters"),
        (0o600, b"\xff\xfe", "it is not text"),
    ],
)
def test_a_token_file_that_cannot_be_used_is_named(tmp_path, mode, text, message):
    file = tmp_path / "token"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    file.chmod(mode)
    with pytest.raises(UsageError, match=message):
        credentials.read(file, None)


def test_a_users_file_that_cannot_be_used_is_named(tmp_path):
    with pytest.raises(UsageError, match="streamer access user FILE NAME"):
        credentials.read(None, tmp_path / "missing")
    (tmp_path / "users").write_text("ann:plain\n")
    (tmp_path / "users").chmod(0o600)
    with pytest.raises(UsageError, match="line 1 is not NAME:HASH"):
        credentials.read(None, tmp_path / "users")
    with pytest.raises(UsageError, match="at least 8 characters"):
        credentials.add_user(tmp_path / "new", "ann", "short")
    with pytest.raises(UsageError, match="no colon"):
        credentials.add_user(tmp_path / "new", "a:b", "long enough")


def test_only_configured_host_names_and_those_of_this_machine_are_accepted():
    def refusal(policy, host):
        scope = {"type": "http", "method": "GET", "path": "/api/v1/health", "headers": [(b"host", host.encode())]}
        return policy.refusal(scope, 1.0)

    with_token = Credentials(token=TOKEN)
    assert refusal(AccessPolicy(lambda: with_token), "camera.example:8080") is None  # credentials are required anyway
    named = AccessPolicy(lambda: with_token, frozenset({"camera.example"}))
    assert refusal(named, "camera.example") is None
    assert refusal(named, "evil.example")[0] == 403
    assert refusal(named, "127.0.0.1:1") is None
    assert refusal(named, "[::1]:8080") is None
    assert refusal(AccessPolicy(Credentials), "")[0] == 403


def test_the_address_of_the_server_works_in_a_browser(served):
    assert urlsplit(served[1].url).hostname == "127.0.0.1"


@pytest.mark.parametrize(
    ("host", "origin", "allowed"),
    [
        ("cams.example", "https://cams.example", True),
        ("cams.example:443", "https://cams.example", True),
        ("cams.example", "https://cams.example:443", True),
        ("cams.example:80", "http://cams.example", True),
        ("cams.example:443", "http://cams.example", False),
        ("cams.example:8443", "https://cams.example", False),
        ("cams.example", "https://evil.example", False),
        ("127.0.0.1:8080", "https://public.example", True),
        ("cams.example", "null", False),
        ("[::1]:443", "https://[::1]", True),
    ],
)
def test_a_host_with_its_default_port_is_the_same_origin(host, origin, allowed):
    policy = AccessPolicy(lambda: Credentials(token=TOKEN), frozenset({"public.example"}))
    assert (policy.refusal_of_origin(origin, host) is None) == allowed


def test_a_websocket_ends_after_log_out_and_when_its_user_is_removed(tmp_path):
    users = tmp_path / "users"
    with_new_password = lambda _: credentials.add_user(users, "ann", "another horse")  # noqa: E731
    credentials.add_user(users, "ann", "correct horse")
    with serving(serve_settings(tmp_path, ["a"], users=users)) as (_, server):
        for end in (lambda browser: browser.delete("/api/v1/session"), with_new_password):
            with httpx.Client(base_url=server.url) as browser:
                browser.post("/api/v1/session", json={"user": "ann", "password": "correct horse"})
                cookie = f"{COOKIE}={browser.cookies[COOKIE]}"
                with websocket(server, additional_headers={"Cookie": cookie}) as connection:
                    connection.recv(5)
                    end(browser)
                    with pytest.raises(ConnectionClosed) as closed:
                        while True:
                            connection.recv(5)
                            connection.send('{"seen": 1}')
                assert "the session has ended; log in again" in closed.value.rcvd.reason
                assert browser.get("/api/v1/cameras", headers={"Cookie": cookie}).status_code == 401


def test_the_users_file_is_read_again_when_it_changes(tmp_path):
    now = [0.0]
    credentials.add_user(tmp_path / "users", "ann", "correct horse")
    files = credentials.CredentialFiles(None, tmp_path / "users", lambda: now[0])
    credentials.add_user(tmp_path / "users", "bob", "battery staple")
    now[0] = 2.0
    assert files.credentials.allows_user("bob", "battery staple")
    (tmp_path / "users").write_text("")
    now[0] = 4.0
    assert files.credentials.required
    assert not files.credentials.allows_user("ann", "correct horse")
