#!/usr/bin/env python3
"""proxy_table: puts the requests of a table to a proxy that asks the API server, and keeps or compares the answers.

A table is JSON (fixtures/proxy/README.md says what is in it). Each case has flags, a config file and the bytes of a
request. The proxy is started with them between an upstream that notes what it gets and a tap that notes what a real
kube-apiserver is asked; the answer of a case is all of it: what the client got, what the upstream saw, what was asked.

  record   asks the program and writes its answers into the table, under answers.PROGRAM
  replay   asks the program and prints where its answers are not those recorded of another
  list     prints the cases

Python 3.11, openssl, etcd and kube-apiserver are needed, and the package h2 for cases that speak HTTP/2; a case that
cannot be run is a difference.

Ends with 0 where every difference is in the allow file, with 1 where one is not, with 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import fnmatch
import gzip
import hashlib
import http.client
import http.server
import json
import os
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

try:
    import h2.config
    import h2.connection
    import h2.errors
    import h2.events
    import h2.settings
except ImportError:  # the HTTP/2 cases are then reported as not run
    h2 = None  # type: ignore[assignment]

Json = dict[str, Any]

LOOPBACK = "127.0.0.1"
#: Response headers whose value changes between two equal runs.
VOLATILE_RESPONSE_HEADERS = {"date"}
#: A body, target or header value longer than this is kept as length and digest.
TEXT_LIMIT = 2000
#: Seconds a client waits for the next byte of an answer.
ANSWER_TIMEOUT = 12.0
#: Seconds to look for the end of a connection after a complete answer.
CLOSE_PROBE = 0.12
#: Stands for a field that one of two answers has not got.
NOTHING = "-"


# ---------------------------------------------------------------------------------------------------------------
# small things: ports, text, processes
# ---------------------------------------------------------------------------------------------------------------


def free_port() -> int:
    """A TCP port on loopback that nobody listens on right now."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((LOOPBACK, 0))
        return s.getsockname()[1]


def text(data: bytes) -> str:
    """Bytes as a JSON string, one character per byte (ISO 8859-1), so that nothing is lost."""
    return data.decode("latin-1")


def octets(value: str) -> bytes:
    """The inverse of `text`."""
    return value.encode("latin-1")


def shorten(data: bytes) -> Any:
    """Bytes as text, or as length and SHA-256 when they are many."""
    if len(data) <= TEXT_LIMIT:
        return text(data)
    return {"length": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Processes:
    """Children of this program; only these are ever signalled."""

    def __init__(self) -> None:
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self, argv: list[str], log: Path, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        with log.open("wb") as out:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=env)
        self._children.append(child)
        return child

    def stop(self, child: subprocess.Popen[bytes], grace: float = 0.0) -> None:
        if child.poll() is None:
            if grace:
                child.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(grace)
            if child.poll() is None:
                child.kill()
                child.wait(10)
        if child in self._children:
            self._children.remove(child)

    def stop_all(self) -> None:
        for child in reversed(list(self._children)):
            self.stop(child, grace=3)


# ---------------------------------------------------------------------------------------------------------------
# certificates and tokens
# ---------------------------------------------------------------------------------------------------------------


class Pki:
    """Two certificate authorities (servers and users) and the key of the service account issuer, made by openssl."""

    def __init__(self, folder: Path) -> None:
        self.dir = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.ca = self._authority("ca", "/CN=table-ca")
        self.user_ca = self._authority("user-ca", "/CN=table-user-ca")
        self.other_ca = self._authority("other-ca", "/CN=table-other-ca")
        self.issue("server", "/CN=table-server", "ca")
        self.issue("admin", "/O=system:masters/CN=table-admin", "ca")
        self._openssl("genrsa", "-out", self.path("sa.key"), "2048")
        self._openssl("rsa", "-in", self.path("sa.key"), "-pubout", "-out", self.path("sa.pub"))
        self._openssl("genrsa", "-out", self.path("oidc.key"), "2048")

    def path(self, name: str) -> str:
        return str(self.dir / name)

    def _openssl(self, *args: str, stdin: bytes | None = None) -> bytes:
        done = subprocess.run(["openssl", *args], input=stdin, capture_output=True)
        if done.returncode:
            raise RuntimeError(f"openssl {args[0]} failed: {done.stderr.decode(errors='replace')}")
        return done.stdout

    def _authority(self, name: str, subject: str) -> str:
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", subject,
                      "-keyout", self.path(f"{name}.key"), "-out", self.path(f"{name}.crt"))
        return self.path(f"{name}.crt")

    def issue(self, name: str, subject: str, ca: str) -> tuple[str, str]:
        """A certificate for loopback, good for server and client use; gives (certificate path, key path)."""
        crt, key, csr, ext = (self.path(f"{name}.{kind}") for kind in ("crt", "key", "csr", "ext"))
        Path(ext).write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n")
        self._openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", key, "-out", csr)
        self._openssl("x509", "-req", "-in", csr, "-CA", self.path(f"{ca}.crt"), "-CAkey", self.path(f"{ca}.key"),
                      "-CAcreateserial", "-days", "30", "-extfile", ext, "-out", crt)
        return crt, key

    def sign_jwt(self, claims: Json, key: str, header: Json | None = None) -> str:
        """An RS256 JWT over `claims` with the named private key."""
        head = {"alg": "RS256", "typ": "JWT", **(header or {})}
        signed = ".".join(base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (head, claims))
        signature = self._openssl("dgst", "-sha256", "-sign", self.path(key), stdin=signed.encode())
        return f"{signed}.{base64url(signature)}"

    def jwks(self, key: str, kid: str) -> Json:
        """The public half of the named key as a JSON Web Key Set."""
        modulus = self._openssl("rsa", "-in", self.path(key), "-noout", "-modulus").decode().strip().split("=")[1]
        return {"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "e": "AQAB",
                          "n": base64url(bytes.fromhex(modulus))}]}


class Issuer:
    """An OpenID Connect issuer on loopback: discovery document and key set, nothing else."""

    KID = "table-key"

    def __init__(self, pki: Pki) -> None:
        self.pki, self.port = pki, free_port()
        self.url = f"https://{LOOPBACK}:{self.port}"
        answers = {
            "/.well-known/openid-configuration": {
                "issuer": self.url, "jwks_uri": f"{self.url}/keys", "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"]},
            "/keys": pki.jwks("oidc.key", self.KID),
        }

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802, the name http.server asks for
                answer = answers.get(self.path)
                data = json.dumps(answer).encode()
                self.send_response(200 if answer else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: Any) -> None:
                pass

        server = http.server.ThreadingHTTPServer((LOOPBACK, self.port), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pki.path("server.crt"), pki.path("server.key"))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def token(self, claims: Json) -> str:
        now = int(time.time())
        return self.pki.sign_jwt({"iss": self.url, "iat": now - 60, "exp": now + 3600, **claims}, "oidc.key",
                                 {"kid": self.KID})


# ---------------------------------------------------------------------------------------------------------------
# control plane
# ---------------------------------------------------------------------------------------------------------------


class ControlPlane:
    """etcd and kube-apiserver on loopback, with RBAC, real ServiceAccount tokens and one OIDC issuer."""

    def __init__(self, etcd: str, apiserver: str, folder: Path, pki: Pki, issuer: Issuer, processes: Processes) -> None:
        self.pki, self.issuer = pki, issuer
        client, peer, self.port = free_port(), free_port(), free_port()
        self.url = f"https://{LOOPBACK}:{self.port}/"
        processes.start([etcd, "--data-dir", str(folder / "etcd"), "--unsafe-no-fsync",
                         f"--listen-client-urls=http://{LOOPBACK}:{client}",
                         f"--advertise-client-urls=http://{LOOPBACK}:{client}",
                         f"--listen-peer-urls=http://{LOOPBACK}:{peer}"], folder / "etcd.log")
        authn = folder / "authn.json"
        authn.write_text(json.dumps({
            "apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration",
            "jwt": [{"issuer": {"url": issuer.url, "audiences": ["table-client"],
                                "certificateAuthority": Path(pki.ca).read_text()},
                     "claimMappings": {"username": {"claim": "email", "prefix": "oidc:"},
                                       "groups": {"claim": "groups", "prefix": "oidc:"}}}]}))
        processes.start([apiserver, f"--etcd-servers=http://{LOOPBACK}:{client}", f"--cert-dir={folder}",
                         f"--bind-address={LOOPBACK}", f"--secure-port={self.port}",
                         f"--tls-cert-file={pki.path('server.crt')}",
                         f"--tls-private-key-file={pki.path('server.key')}", f"--client-ca-file={pki.ca}",
                         "--service-cluster-ip-range=10.0.0.0/24", "--authorization-mode=RBAC",
                         f"--service-account-issuer={self.url}", f"--service-account-key-file={pki.path('sa.pub')}",
                         f"--service-account-signing-key-file={pki.path('sa.key')}",
                         "--disable-admission-plugins=ServiceAccount", f"--authentication-config={authn}"],
                        folder / "apiserver.log")
        self.tls = ssl.create_default_context(cafile=pki.ca)
        self.admin_tls = ssl.create_default_context(cafile=pki.ca)
        self.admin_tls.load_cert_chain(pki.path("admin.crt"), pki.path("admin.key"))
        self._wait_ready(folder)

    def _wait_ready(self, folder: Path) -> None:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.call("GET", "/readyz")[0] == 200:
                    return
            time.sleep(0.3)
        raise RuntimeError(f"kube-apiserver did not become ready, see {folder}/apiserver.log")

    def call(self, method: str, path: str, body: Json | None = None) -> tuple[int, bytes]:
        """One request as cluster administrator; gives status and body."""
        connection = http.client.HTTPSConnection(LOOPBACK, self.port, context=self.admin_tls, timeout=30)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None,
                               {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def create(self, path: str, body: Json) -> Json:
        """Creates an object; one that exists already is left as it is."""
        for _ in range(40):
            status, answer = self.call("POST", path, body)
            if status in (200, 201, 409):
                return json.loads(answer)
            if status not in (403, 500, 503):  # right after the start, bootstrap objects may still be missing
                break
            time.sleep(0.25)
        raise RuntimeError(f"POST {path}: {status} {answer.decode(errors='replace')}")

    def fixtures(self, wanted: Json) -> None:
        """Creates the namespaces, service accounts, roles and bindings of a table."""
        rbac = "/apis/rbac.authorization.k8s.io/v1"
        for namespace in wanted.get("namespaces", []):
            self.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
        for account in wanted.get("serviceAccounts", []):
            namespace, name = account.split("/")
            self.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}})
        for role in wanted.get("clusterRoles", []):
            self.create(f"{rbac}/clusterroles", {"metadata": {"name": role["name"]}, "rules": role["rules"]})
        for role in wanted.get("roles", []):
            self.create(f"{rbac}/namespaces/{role['namespace']}/roles",
                        {"metadata": {"name": role["name"]}, "rules": role["rules"]})
        for index, binding in enumerate(wanted.get("bindings", [])):
            kind = "Role" if binding.get("kind") == "Role" else "ClusterRole"
            body = {"metadata": {"name": f"{binding['role']}-{index}"},
                    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": binding["role"]},
                    "subjects": [self._subject(s) for s in binding["subjects"]]}
            where = f"/namespaces/{binding['namespace']}/rolebindings" if "namespace" in binding \
                else "/clusterrolebindings"
            self.create(rbac + where, body)

    @staticmethod
    def _subject(subject: str) -> Json:
        kind, name = subject.split(":", 1)
        if kind == "ServiceAccount":
            namespace, account = name.split("/")
            return {"kind": kind, "namespace": namespace, "name": account}
        return {"kind": kind, "name": name, "apiGroup": "rbac.authorization.k8s.io"}

    def token(self, account: str, audiences: list[str] | None = None) -> str:
        """A bound ServiceAccount token by TokenRequest; default audience is the API server's own."""
        namespace, name = account.split("/")
        spec: Json = {"expirationSeconds": 7200}
        if audiences:
            spec["audiences"] = audiences
        status, answer = self.call("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
                                   {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})
        if status != 201:
            raise RuntimeError(f"TokenRequest for {account}: {status} {answer.decode(errors='replace')}")
        return json.loads(answer)["status"]["token"]

    def expired_token(self, account: str) -> str:
        """A token for the account that the real issuer's key signed and that ended ten minutes ago."""
        middle = self.token(account).split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
        now = int(time.time())
        claims.update(iat=now - 4200, nbf=now - 4200, exp=now - 600)
        return self.pki.sign_jwt(claims, "sa.key")


class Identities:
    """Turns the identity names of a table into credentials, and credentials in recorded text back into names."""

    def __init__(self, table: Json, plane: ControlPlane, issuer: Issuer, pki: Pki) -> None:
        self.tokens: dict[str, str] = {}
        self.certificates: dict[str, tuple[str, str]] = {}
        for name, spec in table["identities"].items():
            match spec["kind"]:
                case "serviceaccount":
                    self.tokens[name] = plane.token(spec["account"], spec.get("audiences"))
                case "expired-serviceaccount":
                    self.tokens[name] = plane.expired_token(spec["account"])
                case "oidc":
                    claims = dict(spec["claims"])
                    if claims.pop("expired", False):
                        claims["exp"] = int(time.time()) - 600
                    self.tokens[name] = issuer.token(claims)
                case "literal":
                    self.tokens[name] = spec["token"]
                case "x509":
                    self.certificates[name] = pki.issue(f"id-{name}", spec["subject"], spec["ca"])
                case "none":
                    pass
                case other:
                    raise ValueError(f"identity {name}: unknown kind {other}")

    def mask(self, value: str) -> str:
        """Recorded text with every token replaced by its placeholder."""
        for name, token in sorted(self.tokens.items(), key=lambda item: -len(item[1])):
            if len(token) > 40:
                value = value.replace(token, "{token:%s}" % name)
                value = value.replace(base64url(token.encode()), "{b64token:%s}" % name)
        return value


# ---------------------------------------------------------------------------------------------------------------
# HTTP/1.1 bytes
# ---------------------------------------------------------------------------------------------------------------


class Closed(Exception):
    """The peer closed the connection before the expected bytes came."""


class Reader:
    """Buffered reads with a deadline from a plain or TLS socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.buffer, self.eof = sock, b"", False

    def more(self, timeout: float) -> bool:
        """Reads once; False at the end of the stream. Raises TimeoutError when nothing came in time."""
        if self.eof:
            return False
        self.sock.settimeout(timeout)
        try:
            data = self.sock.recv(65536)
        except TimeoutError:
            raise
        except OSError:
            data = b""
        if not data:
            self.eof = True
            return False
        self.buffer += data
        return True

    def until(self, mark: bytes, timeout: float, limit: int = 1 << 22) -> bytes:
        while mark not in self.buffer:
            if len(self.buffer) > limit or not self.more(timeout):
                raise Closed
        index = self.buffer.index(mark) + len(mark)
        taken, self.buffer = self.buffer[:index], self.buffer[index:]
        return taken

    def exactly(self, count: int, timeout: float) -> bytes:
        while len(self.buffer) < count:
            if not self.more(timeout):
                raise Closed
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken


def split_head(head: bytes) -> tuple[bytes, list[tuple[str, str]]]:
    """First line and header list (names as sent, values without outer blanks) of a message head."""
    lines = head.split(b"\r\n")
    pairs = []
    for line in lines[1:]:
        if line:
            name, _, value = line.partition(b":")
            pairs.append((text(name), text(value.strip(b" \t"))))
    return lines[0], pairs


def header(pairs: list[tuple[str, str]], name: str) -> str | None:
    return next((value for key, value in pairs if key.lower() == name), None)


def read_chunked(reader: Reader, timeout: float) -> tuple[bytes, list[tuple[str, str]]]:
    """A chunked body and its trailers."""
    body = b""
    while True:
        size = int(reader.until(b"\r\n", timeout).split(b";")[0].strip() or b"0", 16)
        if size == 0:
            trailers = []
            while (line := reader.until(b"\r\n", timeout)) != b"\r\n":
                name, _, value = line.strip().partition(b":")
                trailers.append((text(name), text(value.strip())))
            return body, trailers
        body += reader.exactly(size, timeout)
        reader.exactly(2, timeout)


# ---------------------------------------------------------------------------------------------------------------
# recording upstream
# ---------------------------------------------------------------------------------------------------------------


@dataclass
class Seen:
    """One request as it reached the upstream."""

    method: str
    target: str
    version: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    trailers: list[tuple[str, str]] = field(default_factory=list)
    extra: Json = field(default_factory=dict)

    def as_json(self) -> Json:
        answer: Json = {"method": self.method, "target": shorten(octets(self.target)), "version": self.version,
                        "headers": [[name, shorten(octets(value))] for name, value in self.headers],
                        "body": shorten(self.body)}
        if self.trailers:
            answer["trailers"] = [list(pair) for pair in self.trailers]
        return answer | self.extra


class Upstream:
    """A server that stores the exact head of each request and answers as the running case asks (`behave`)."""

    def __init__(self, pki: Pki) -> None:
        self.seen: list[Seen] = []
        self.mode = "ok"
        plain = self._listen()
        self.port = plain.getsockname()[1]
        self._serve(plain, None, self._http1)
        secure = self._listen()
        self.tls_port = secure.getsockname()[1]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pki.path("server.crt"), pki.path("server.key"))
        context.load_verify_locations(pki.user_ca)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.set_alpn_protocols(["http/1.1"])
        self._serve(secure, context, self._http1)
        clear = self._listen()
        self.h2c_port = clear.getsockname()[1]
        self._serve(clear, None, self._http2)

    def behave(self, mode: str) -> None:
        self.seen, self.mode = [], mode

    @staticmethod
    def _listen() -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, 0))
        listener.listen(64)
        return listener

    @staticmethod
    def _serve(listener: socket.socket, context: ssl.SSLContext | None, talk: Callable[[socket.socket], None]) -> None:
        def one(connection: socket.socket) -> None:
            with contextlib.suppress(OSError, Closed, TimeoutError, ValueError):
                if context:
                    connection = context.wrap_socket(connection, server_side=True)
                talk(connection)
            with contextlib.suppress(OSError):
                connection.close()

        def accept() -> None:
            while True:
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=one, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()

    # -- HTTP/1.1 ------------------------------------------------------------------------------------------------

    def _http1(self, connection: socket.socket) -> None:
        reader = Reader(connection)
        while True:
            head = reader.until(b"\r\n\r\n", 600)
            first, pairs = split_head(head[:-4])
            method, target, version = (text(first).split(" ", 2) + ["", ""])[:3]
            seen = Seen(method, target, version, pairs)
            plain = "\r\n".join([text(first)] + [f"{name}: {value}" for name, value in pairs]) + "\r\n\r\n"
            if octets(plain) != head and octets(plain.replace(": \r\n", ":\r\n")) != head:
                seen.extra["raw_head"] = shorten(head)  # something that the split form does not show
            if isinstance(connection, ssl.SSLSocket) and (peer := connection.getpeercert()):
                seen.extra["client_certificate"] = ", ".join(f"{k}={v}" for rdn in peer["subject"] for k, v in rdn)
            mode, _, argument = self.mode.partition(":")
            self.seen.append(seen)
            if mode == "close":
                return
            if mode == "early":  # answer before the body was read
                self._plain(connection, 413, b"too large\n", close=True)
                time.sleep(0.3)
                return
            if (header(pairs, "expect") or "").lower() == "100-continue" and mode != "no-continue":
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            if "chunked" in (header(pairs, "transfer-encoding") or "").lower():
                seen.body, seen.trailers = read_chunked(reader, 20)
            elif length := header(pairs, "content-length"):
                seen.body = reader.exactly(int(length), 20)
            if not self._answer(connection, reader, seen, mode, argument):
                return

    @staticmethod
    def _plain(connection: socket.socket, status: int, body: bytes, more: bytes = b"", close: bool = False) -> None:
        connection.sendall(b"HTTP/1.1 %d X\r\nContent-Type: text/plain\r\nX-Upstream: seen\r\nContent-Length: %d\r\n"
                           b"%s%s\r\n%s" % (status, len(body), b"Connection: close\r\n" if close else b"", more, body))

    def _answer(self, connection: socket.socket, reader: Reader, seen: Seen, mode: str, argument: str) -> bool:
        """Answers one request; False when the connection is used up."""
        send = connection.sendall
        head = seen.method == "HEAD"
        match mode:
            case "ok" | "no-continue":
                self._plain(connection, 200, b"" if head else b"upstream ok\n")
            case "status":
                code = int(argument)
                if code in (204, 304):
                    send(b"HTTP/1.1 %d X\r\nX-Upstream: seen\r\nEtag: \"e1\"\r\n\r\n" % code)
                else:
                    self._plain(connection, code, b"" if head else b"upstream says %d\n" % code)
            case "redirect":
                self._plain(connection, 302, b"", b"Location: %s\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\n"
                            % octets(argument))
            case "head-length":
                send(b"HTTP/1.1 200 X\r\nX-Upstream: seen\r\nContent-Length: 1234\r\n\r\n")
            case "chunked":
                send(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n"
                     b"4\r\nwiki\r\n5\r\npedia\r\n0\r\n\r\n")
            case "trailers":
                send(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n"
                     b"Trailer: X-Sum\r\n\r\n"
                     b"4\r\nbody\r\n0\r\nX-Sum: 42\r\nX-Unannounced: 43\r\n\r\n")
            case "sse":
                send(b"HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n" + b"9\r\ndata: 1\n\n\r\n")
                time.sleep(0.6)
                send(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")
            case "slow":  # headers late
                time.sleep(float(argument))
                self._plain(connection, 200, b"late\n")
            case "slow-body":
                send(b"HTTP/1.1 200 X\r\nContent-Length: 8\r\nX-Upstream: seen\r\n\r\nhalf")
                time.sleep(float(argument))
                send(b"half")
            case "slow-chunked":
                send(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n"
                     b"4\r\nhalf\r\n")
                time.sleep(float(argument))
                send(b"4\r\nhalf\r\n0\r\n\r\n")
            case "hop-headers":
                self._plain(connection, 200, b"ok\n", b"Connection: X-Private, keep-alive\r\nX-Private: 1\r\n"
                            b"Keep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nTe: trailers\r\nX-Public: 2\r\n")
            case "early-hints":
                send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
                self._plain(connection, 200, b"ok\n")
            case "gzip":
                packed = gzip.compress(b"squeezed\n", mtime=0)
                if "gzip" in (header(seen.headers, "accept-encoding") or ""):
                    self._plain(connection, 200, packed, b"Content-Encoding: gzip\r\n")
                else:
                    self._plain(connection, 200, b"squeezed\n")
            case "http10":  # body ends with the connection
                send(b"HTTP/1.0 200 X\r\nContent-Type: text/plain\r\n\r\nuntil the end\n")
                return False
            case "untyped":
                send(b"HTTP/1.1 200 X\r\nContent-Length: 23\r\n\r\n<html><p>no type</html>")
            case "short-body":  # announces more than it sends
                send(b"HTTP/1.1 200 X\r\nContent-Length: 50\r\n\r\nonly this")
                return False
            case "bad-status":
                send(b"not http at all\r\n\r\n")
                return False
            case "bad-header":
                send(b"HTTP/1.1 200 X\r\nGood: 1\r\nBad Header: 2\r\nContent-Length: 0\r\n\r\n")
                return False
            case "two-lengths":
                send(b"HTTP/1.1 200 X\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd")
                return False
            case "length-and-chunked":
                send(b"HTTP/1.1 200 X\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n0\r\n\r\n")
                return False
            case "big-header":
                self._plain(connection, 200, b"ok\n", b"X-Big: " + b"v" * int(argument) + b"\r\n")
            case "ws" | "ws-late" | "ws-wrong":
                return self._upgrade(connection, reader, seen, mode)
            case other:
                raise ValueError(f"unknown upstream behaviour {other}")
        return (header(seen.headers, "connection") or "").lower() != "close" and seen.version == "HTTP/1.1"

    def _upgrade(self, connection: socket.socket, reader: Reader, seen: Seen, mode: str) -> bool:
        """Switches protocols and echoes, or answers 200 when no upgrade was asked for."""
        if (header(seen.headers, "upgrade") or "") == "":
            self._plain(connection, 200, b"no upgrade asked\n")
            return True
        if mode == "ws-late":  # did bytes come through before we agreed to switch?
            time.sleep(0.4)
            with contextlib.suppress(TimeoutError, OSError):
                reader.more(0.05)
            seen.extra["bytes_before_101"] = text(reader.buffer)
        key = header(seen.headers, "sec-websocket-key") or ""
        accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
        offered = header(seen.headers, "sec-websocket-protocol")
        lines = [b"HTTP/1.1 101 Switching Protocols",
                 b"Upgrade: " + (b"other" if mode == "ws-wrong" else octets(header(seen.headers, "upgrade") or "")),
                 b"Connection: Upgrade", b"Sec-WebSocket-Accept: " + accept]
        if offered:
            lines.append(b"Sec-WebSocket-Protocol: " + octets(offered.split(",")[0].strip()))
        connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n")
        echoed = b""
        try:
            while True:
                if reader.buffer:
                    connection.sendall(reader.buffer)
                    echoed, reader.buffer = echoed + reader.buffer, b""
                if not reader.more(20):
                    break
        finally:
            seen.extra["upgraded_bytes"] = text(echoed)
        return False

    # -- HTTP/2 over clear text ----------------------------------------------------------------------------------

    def _http2(self, connection: socket.socket) -> None:
        if h2 is None:
            return
        config = h2.config.H2Configuration(client_side=False, header_encoding=None, validate_inbound_headers=False,
                                           validate_outbound_headers=False)
        state = h2.connection.H2Connection(config)
        state.initiate_connection()
        connection.sendall(state.data_to_send())
        streams: dict[int, Seen] = {}
        while True:
            data = connection.recv(65536)
            if not data:
                return
            for event in state.receive_data(data):
                stream = getattr(event, "stream_id", 0)
                if isinstance(event, h2.events.RequestReceived):
                    pairs = [(text(bytes(k)), text(bytes(v))) for k, v in event.headers]
                    pseudo = dict(pair for pair in pairs if pair[0].startswith(":"))
                    rest = [("Host", pseudo.get(":authority", ""))] + [p for p in pairs if not p[0].startswith(":")]
                    streams[stream] = Seen(pseudo.get(":method", ""), pseudo.get(":path", ""), "HTTP/2", rest)
                elif isinstance(event, h2.events.DataReceived):
                    streams[stream].body += event.data
                    state.acknowledge_received_data(event.flow_controlled_length, stream)
                elif isinstance(event, h2.events.TrailersReceived):
                    streams[stream].trailers = [(text(bytes(k)), text(bytes(v))) for k, v in event.headers]
                elif isinstance(event, h2.events.StreamEnded):
                    self.seen.append(streams[stream])
                    self._answer_http2(state, stream)
            connection.sendall(state.data_to_send())

    def _answer_http2(self, state: Any, stream: int) -> None:
        media = b"application/grpc" if self.mode == "grpc" else b"text/plain"
        fields = [(b":status", b"200"), (b"content-type", media), (b"x-upstream", b"seen")]
        if self.mode == "grpc-trailers-only":
            state.send_headers(stream, [(b":status", b"200"), (b"content-type", b"application/grpc"),
                                        (b"grpc-status", b"7"), (b"grpc-message", b"no")], end_stream=True)
            return
        state.send_headers(stream, fields)
        if self.mode == "grpc":
            state.send_data(stream, b"\x00\x00\x00\x00\x02ok")
            state.send_headers(stream, [(b"grpc-status", b"0"), (b"grpc-message", b"fine")], end_stream=True)
        else:
            state.send_data(stream, b"upstream ok\n", end_stream=True)


# ---------------------------------------------------------------------------------------------------------------
# tap in front of the API server
# ---------------------------------------------------------------------------------------------------------------


#: Review answers that a real API server gives rarely or never; `tokenreview=NAME` or `sar=NAME` plays one.
PLAYED_STATUS: dict[str, Json] = {
    "nobody": {"authenticated": True, "user": {}},
    "no-audience": {"authenticated": True, "user": {"username": "someone", "groups": ["g1"]}},
    "line-break-user": {"authenticated": True, "user": {"username": "bob\r\nX-Admin: yes", "groups": ["g1"]}},
    "non-ascii-user": {"authenticated": True, "user": {"username": "b\u00f6b", "groups": ["gr\u00fcn"]}},
    "separator-group": {"authenticated": True, "user": {"username": "bob", "groups": ["a|b", "c,d", ""]}},
    "many-groups": {"authenticated": True,
                    "user": {"username": "bob", "groups": [f"group-{i:05}" for i in range(6000)]}},
    "authenticated-with-error": {"authenticated": True, "error": "but", "user": {"username": "bob"}},
    "allow": {"allowed": True},
    "both": {"allowed": True, "denied": True},
    "allowed-with-error": {"allowed": True, "evaluationError": "but"},
}


class ApiTap:
    """Passes the proxy's API calls to the real server, notes reviews, and plays outages on request.

    A mode is `pass`, `refuse` (hang up) or a list of WHO=WHAT with WHO one of `tokenreview`, `sar`, `*` and WHAT an
    HTTP status, `garbage`, `empty`, `hang:SECONDS` or a name in PLAYED_STATUS.
    """

    def __init__(self, plane: ControlPlane, pki: Pki) -> None:
        self.plane, self.calls, self.mode = plane, [], "pass"
        listener = Upstream._listen()
        self.port = listener.getsockname()[1]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pki.path("server.crt"), pki.path("server.key"))
        context.set_alpn_protocols(["http/1.1"])
        Upstream._serve(listener, context, self._talk)

    def behave(self, mode: str) -> None:
        self.calls, self.mode = [], mode

    def _talk(self, connection: socket.socket) -> None:
        reader = Reader(connection)
        server = http.client.HTTPSConnection(LOOPBACK, self.plane.port, context=self.plane.tls, timeout=30)
        while True:
            first, pairs = split_head(reader.until(b"\r\n\r\n", 600)[:-4])
            method, path, _ = text(first).split(" ")
            if "chunked" in (header(pairs, "transfer-encoding") or ""):
                body, _ = read_chunked(reader, 20)
            else:
                body = reader.exactly(int(header(pairs, "content-length") or 0), 20)
            if self.mode == "refuse":
                return
            kind = "tokenreview" if path.endswith("/tokenreviews") else \
                "sar" if path.endswith("/subjectaccessreviews") else "other"
            answer = self._played(kind, body)
            if answer is None:
                passed = ("authorization", "accept", "content-type", "user-agent")
                kept = {k: v for k, v in pairs if k.lower() in passed}
                server.request(method, path, body or None, kept)
                got = server.getresponse()
                answer = got.status, got.getheader("Content-Type", ""), got.read()
            if kind != "other":
                self.calls.append(self._note(kind, body, answer))
            status, media, data = answer
            connection.sendall(b"HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s"
                               % (status, media.encode(), len(data), data))

    def _played(self, kind: str, body: bytes) -> tuple[int, str, bytes] | None:
        for part in self.mode.split(","):
            who, _, what = part.partition("=")
            if what == "" or kind == "other" or who not in ("*", kind):
                continue
            if what.startswith("hang:"):
                time.sleep(float(what[5:]))
                return None
            if what == "garbage":
                return 200, "application/json", b"not json"
            if what == "empty":
                return 201, "application/json", b"{}"
            review = json.loads(body)
            if what in PLAYED_STATUS:
                review["status"] = PLAYED_STATUS[what]
                return 201, "application/json", json.dumps(review).encode()
            code = int(what)
            return code, "application/json", json.dumps(
                {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
                 "reason": {429: "TooManyRequests", 403: "Forbidden"}.get(code, "InternalError"),
                 "message": "played by the table"}).encode()
        return None

    @staticmethod
    def _note(kind: str, body: bytes, answer: tuple[int, str, bytes]) -> Json:
        """What matters of one review: the question without volatile parts, and the answer in one word."""
        try:
            spec = json.loads(body).get("spec", {})
        except ValueError:
            spec = {"not json": len(body)}
        spec.pop("uid", None)
        if "extra" in spec:
            spec["extra"] = sorted(spec["extra"])
        word = str(answer[0])
        with contextlib.suppress(ValueError, AttributeError):
            status = json.loads(answer[2]).get("status", {})
            if isinstance(status, dict) and answer[0] < 300:
                if kind == "tokenreview":
                    word = "authenticated" if status.get("authenticated") else "not authenticated"
                else:
                    word = "allowed" if status.get("allowed") else "not allowed"
        return {"ask": "TokenReview" if kind == "tokenreview" else "SubjectAccessReview", "spec": spec, "got": word}


# ---------------------------------------------------------------------------------------------------------------
# client side of a case
# ---------------------------------------------------------------------------------------------------------------


def client_context(wish: Json, alpn: list[str], certificate: tuple[str, str] | None) -> ssl.SSLContext:
    """A client context with the TLS versions and ciphers that the case wishes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    versions = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2,
                "1.3": ssl.TLSVersion.TLSv1_3}
    context.set_ciphers((wish.get("ciphers") or "DEFAULT") + ":@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = versions[wish.get("min", "1.2")]
        context.maximum_version = versions[wish.get("max", "1.3")]
    if alpn:
        context.set_alpn_protocols(alpn)
    if certificate:
        context.load_cert_chain(*certificate)
    return context


def request_bytes(request: Json) -> bytes:
    """The exact bytes of an HTTP/1 request: `raw` as it is, else line, headers and body in order."""
    if "raw" in request:
        return octets(request["raw"])
    lines = [f"{request['method']} {request['target']} {request.get('version', 'HTTP/1.1')}"]
    lines += [f"{name}: {value}" for name, value in request["headers"]]
    return octets("\r\n".join(lines) + "\r\n\r\n" + (request.get("body") or ""))


def header_set(pairs: list[tuple[str, str]]) -> dict[str, list[Any]]:
    """Response headers without order: lower-case name to its values, volatile ones left out."""
    answer: dict[str, list[Any]] = {}
    for name, value in pairs:
        if name.lower() not in VOLATILE_RESPONSE_HEADERS:
            answer.setdefault(name.lower(), []).append(shorten(octets(value)))
    return dict(sorted(answer.items()))


class Http1Client:
    """Sends one case over a connected socket and describes what came back."""

    def __init__(self, sock: socket.socket, request: Json) -> None:
        self.sock, self.request, self.reader = sock, request, Reader(sock)

    def run(self) -> Json:
        head_and_body = request_bytes(self.request)
        if self.request.get("hold_body"):  # Expect: 100-continue as a careful client does it
            cut = head_and_body.index(b"\r\n\r\n") + 4
            self._send(head_and_body[:cut])
            first = self._answer(lambda: self._send(head_and_body[cut:]))
        else:
            self._send(head_and_body)
            first = self._answer(None)
        more = []
        for _ in range(int(self.request.get("responses", 1)) - 1):
            if "error" in (more[-1] if more else first):
                break
            more.append(self._answer(None))
        if more:
            first["then"] = more
        if "upgraded" not in first and "error" not in first:
            first["connection"] = self._after(first)
        return first

    def _send(self, data: bytes) -> None:
        self.sock.settimeout(ANSWER_TIMEOUT)
        with contextlib.suppress(OSError):  # a refusal may come before everything is sent
            self.sock.sendall(data)

    def _answer(self, on_continue: Callable[[], None] | None) -> Json:
        interim: list[Any] = []
        timeout = float(self.request.get("timeout", ANSWER_TIMEOUT))
        try:
            while True:
                first, pairs = split_head(self.reader.until(b"\r\n\r\n", timeout)[:-4])
                status = int(first.split(b" ")[1])
                if status == 101 or status >= 200:
                    break
                interim.append({"status": status, "headers": header_set(pairs)} if status != 100 else {"status": 100})
                if status == 100 and on_continue:
                    on_continue()
                    on_continue = None
        except TimeoutError:
            return {"error": "no answer in time"}
        except (Closed, ValueError, IndexError):
            rest = self.reader.buffer
            return {"error": "closed without an answer" if not rest else "closed in the middle: " + text(rest[:200])}
        answer: Json = {"status": status, "headers": header_set(pairs)}
        if interim:
            answer["interim"] = interim
        if status == 101:
            answer["upgraded"] = self._upgraded()
            return answer
        started = time.monotonic()
        marks: list[float] = []
        try:
            body, trailers = self._body(status, pairs, marks, timeout)
            answer["body"] = shorten(body)
            if trailers:
                answer["trailers"] = [[k.lower(), v] for k, v in trailers]
        except TimeoutError:
            answer["body"], answer["error"] = shorten(self.reader.buffer), "body stopped"
        except (Closed, ValueError):
            answer["body"], answer["error"] = shorten(self.reader.buffer), "body cut"
        if self.request.get("streaming"):
            answer["first_bytes_before_end"] = bool(marks) and time.monotonic() - marks[0] > 0.25 \
                and marks[0] - started < 0.45
        return answer

    def _body(self, status: int, pairs: list[tuple[str, str]], marks: list[float],
              timeout: float) -> tuple[bytes, list[tuple[str, str]]]:
        if self.request.get("method") == "HEAD" or status in (204, 304):
            return b"", []
        if self.request.get("streaming"):
            if not self.reader.buffer:
                self.reader.more(timeout)
            marks.append(time.monotonic())
        if "chunked" in (header(pairs, "transfer-encoding") or "").lower():
            return read_chunked(self.reader, timeout)
        if (length := header(pairs, "content-length")) is not None:
            return self.reader.exactly(int(length), timeout), []
        while self.reader.more(timeout):
            pass
        taken, self.reader.buffer = self.reader.buffer, b""
        return taken, []

    def _upgraded(self) -> Json:
        """After 101: send the case's bytes, read as many back, close."""
        data = octets(self.request.get("after_upgrade", ""))
        early = octets(self.request.get("early_bytes", ""))
        try:
            if wait := self.request.get("idle_before_echo"):
                time.sleep(float(wait))
            self.sock.sendall(data)
            return {"echo": text(self.reader.exactly(len(early) + len(data), 3))}
        except TimeoutError:
            return {"echo": text(self.reader.buffer), "error": "not everything came back"}
        except (Closed, OSError):
            return {"echo": text(self.reader.buffer), "error": "closed"}
        finally:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)

    def _after(self, answer: Json) -> str:
        """Is the connection still usable after a complete answer?"""
        if self.reader.buffer:
            return "more bytes: " + text(self.reader.buffer[:200])
        promised = ",".join(answer["headers"].get("connection", [])).lower()
        old = b" HTTP/1.0\r\n" in request_bytes(self.request)[:TEXT_LIMIT]
        closing = "close" in promised or (old and "keep-alive" not in promised)
        patience = 3.0 if closing else float(self.request.get("close_probe", CLOSE_PROBE))
        try:
            return "closed" if not self.reader.more(patience) else "more bytes: " + text(self.reader.buffer[:200])
        except TimeoutError:
            return "open"


class Http2Client:
    """The HTTP/2 form of a case; headers go out as written, valid or not."""

    def __init__(self, sock: socket.socket, request: Json) -> None:
        self.sock, self.request = sock, request

    def run(self) -> Json:
        config = h2.config.H2Configuration(client_side=True, header_encoding=None, validate_outbound_headers=False,
                                           normalize_outbound_headers=False, validate_inbound_headers=False)
        state = h2.connection.H2Connection(config)
        state.initiate_connection()
        body = octets(self.request.get("body") or "")
        fields = [(octets(name), octets(value)) for name, value in self._fields()]
        trailers = [(octets(k), octets(v)) for k, v in self.request.get("trailers", [])]
        stream = state.get_next_available_stream_id()
        state.send_headers(stream, fields, end_stream=not body and not trailers)
        if body:
            state.send_data(stream, body, end_stream=not trailers)
        if trailers:
            state.send_headers(stream, trailers, end_stream=True)
        self.sock.sendall(state.data_to_send())
        return self._collect(state, stream)

    def _fields(self) -> list[tuple[str, str]]:
        given = [(name, value) for name, value in self.request["headers"]]
        if self.request.get("pseudo") == "as-given":
            return given
        names = {name for name, _ in given}
        pseudo = [(":method", self.request["method"]), (":scheme", "https"), (":path", self.request["target"])]
        if ":authority" not in names:
            pseudo.append((":authority", "proxy.test"))
        return [p for p in pseudo if p[0] not in names] + given

    def _collect(self, state: Any, stream: int) -> Json:
        answer: Json = {}
        body = b""
        self.sock.settimeout(float(self.request.get("timeout", ANSWER_TIMEOUT)))
        while True:
            try:
                data = self.sock.recv(65536)
            except TimeoutError:
                return answer | {"error": "no answer in time"}
            except OSError:
                data = b""
            if not data:
                return answer | {"error": "closed without an answer"}
            for event in state.receive_data(data):
                match event:
                    case h2.events.InformationalResponseReceived():
                        pairs = [(text(bytes(k)), text(bytes(v))) for k, v in event.headers]
                        answer.setdefault("interim", []).append({"status": int(dict(pairs)[":status"])})
                    case h2.events.ResponseReceived():
                        pairs = [(text(bytes(k)), text(bytes(v))) for k, v in event.headers]
                        answer["status"] = int(dict(pairs)[":status"])
                        answer["headers"] = header_set([p for p in pairs if p[0] != ":status"])
                    case h2.events.DataReceived():
                        body += event.data
                        state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    case h2.events.TrailersReceived():
                        answer["trailers"] = [[text(bytes(k)), text(bytes(v))] for k, v in event.headers]
                    case h2.events.StreamEnded():
                        return answer | {"body": shorten(body)}
                    case h2.events.StreamReset():
                        return answer | {"error": f"stream reset: {self._code(event.error_code)}"}
                    case h2.events.ConnectionTerminated():
                        return answer | {"error": f"connection ended: {self._code(event.error_code)}"}
            with contextlib.suppress(OSError):
                self.sock.sendall(state.data_to_send())

    @staticmethod
    def _code(code: Any) -> str:
        return getattr(code, "name", str(int(code)))


# ---------------------------------------------------------------------------------------------------------------
# the proxy under test
# ---------------------------------------------------------------------------------------------------------------


KLOG_HEADER = re.compile(r"^[IWEF]\d{4} [\d:.]+\s+\d+ [\w.-]+:\d+\] ")


class Proxy:
    """One run of the proxy under test with the flags of one group of cases."""

    def __init__(self, stage: "Stage", flags: list[str], config: str | None, use_base: bool,
                 files: dict[str, str]) -> None:
        self.stage = stage
        self.port, self.plain_port, self.health_port = free_port(), free_port(), free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="run-", dir=stage.folder))
        self.config = self.folder / "config.yaml"
        if config is not None:
            self.config.write_bytes(octets(config))
        self.names = {**stage.names, "port": str(self.port), "plain_port": str(self.plain_port),
                      "health_port": str(self.health_port), "config": str(self.config), "dir": str(self.folder)}
        for name, source in files.items():
            self.copy(name, source)
        own = [self.fill(flag) for flag in flags]
        taken = {flag.split("=")[0].lstrip("-") for flag in own}
        base = [self.fill(flag) for flag in stage.table["base_flags"]] if use_base else []
        if config is not None and "config-file" not in taken and use_base:
            base.append(f"--config-file={self.config}")
        argv = [*stage.argv, *[f for f in base if f.split("=")[0].lstrip("-") not in taken], *own]
        argv = [a for a in argv if not a.endswith("={unset}")]
        self.log = self.folder / "log"
        clean = {k: v for k, v in os.environ.items() if "proxy" not in k.lower() and not k.startswith("KUBERNETES_")}
        self.child = stage.processes.start(argv, self.log, clean)
        self.ports = [port for port in (self.port, self.plain_port, self.health_port)
                      if any(re.search(rf"[:=]{port}$", a) for a in argv)]
        self.up = self._wait()

    def fill(self, value: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda m: self.names.get(m.group(1), m.group(0)), value)

    def copy(self, name: str, source: str) -> None:
        """Replaces one file by rename, both names with placeholders."""
        target = Path(self.fill(name))
        fresh = target.with_suffix(".new")
        shutil.copyfile(self.fill(source), fresh)
        fresh.rename(target)

    def _wait(self) -> bool:
        deadline = time.monotonic() + 20
        waiting = list(self.ports)
        while waiting and time.monotonic() < deadline and self.child.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection((LOOPBACK, waiting[0]), 0.5).close()
                waiting.pop(0)
                continue
            time.sleep(0.02)
        if not waiting and self.child.poll() is None:
            time.sleep(0.03)
        return not waiting and self.child.poll() is None

    def startup(self) -> Json:
        """How the start went: running, or exit status and last log line (file names and klog header removed)."""
        if self.child.poll() is None:
            return {"running": True, "listening": self.up and bool(self.ports)}
        if self.child.returncode == 0:
            return {"running": False, "exit": 0}
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        errors = [line for line in lines if re.search(r"error|Error|panic:|failed", line)] or lines
        line = KLOG_HEADER.sub("", errors[-1] if errors else "")
        if any(line.startswith("panic:") or "panic: runtime" in line for line in lines):
            line = next(line for line in lines if "panic:" in line)
        return {"running": False, "exit": self.child.returncode, "message": self.stage.mask(line, self)}

    def stop(self) -> None:
        self.stage.processes.stop(self.child)


@dataclass
class Stage:
    """Everything around the proxy under test."""

    table: Json
    argv: list[str]
    folder: Path
    processes: Processes
    pki: Pki
    issuer: Issuer
    plane: ControlPlane
    tap: ApiTap
    upstream: Upstream
    identities: Identities = field(init=False)
    names: dict[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """Creates the table's RBAC objects, tokens and the files that flags may name."""
        self.plane.fixtures(self.table["fixtures"])
        self.identities = Identities(self.table, self.plane, self.issuer, self.pki)
        token = self.plane.token(self.table["proxy_account"])
        kubeconfig = self._kubeconfig("kubeconfig", self.tap.port, token)
        dead = free_port()
        bad_pem = self.folder / "bad.pem"
        bad_pem.write_text("this is not a certificate\n")
        self.pki.issue("upstream-client", "/CN=the-proxy", "user-ca")
        self.names = {
            "kubeconfig": kubeconfig, "dead_kubeconfig": self._kubeconfig("dead", dead, token),
            "upstream": f"http://{LOOPBACK}:{self.upstream.port}", "upstream_port": str(self.upstream.port),
            "upstream_tls": f"https://{LOOPBACK}:{self.upstream.tls_port}",
            "upstream_h2c": f"http://{LOOPBACK}:{self.upstream.h2c_port}",
            "dead_upstream": f"http://{LOOPBACK}:{dead}", "ca": self.pki.ca, "client_ca": self.pki.user_ca,
            "other_ca": self.pki.other_ca, "cert": self.pki.path("server.crt"), "key": self.pki.path("server.key"),
            "other_cert": self.pki.path("admin.crt"), "other_key": self.pki.path("admin.key"),
            "issuer": self.issuer.url,
            "bad_pem": str(bad_pem),
            "client_cert": self.pki.path("upstream-client.crt"), "client_key": self.pki.path("upstream-client.key"),
            "missing": str(self.folder / "missing"),
        }
        self._wait_authenticated()

    def _kubeconfig(self, name: str, port: int, token: str) -> str:
        path = self.folder / f"{name}.kubeconfig"
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "clusters": [{"name": "c", "cluster": {"server": f"https://{LOOPBACK}:{port}",
                                                   "certificate-authority": self.pki.ca}}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}]}))
        return str(path)

    def _wait_authenticated(self) -> None:
        """The API server reads the issuer's keys in the background; wait until it knows each OIDC identity."""
        for name, spec in self.table["identities"].items():
            if spec["kind"] == "oidc" and not spec.get("refused"):
                for _ in range(120):
                    _, answer = self.plane.call(
                        "POST", "/apis/authentication.k8s.io/v1/tokenreviews",
                        {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
                         "spec": {"token": self.identities.tokens[name]}})
                    if json.loads(answer).get("status", {}).get("authenticated"):
                        break
                    time.sleep(0.5)
                else:
                    raise RuntimeError(f"the API server never accepted {name}")

    def mask(self, value: str, proxy: Proxy | None = None) -> str:
        """Recorded text without anything that changes between runs: tokens, ports, folders."""
        value = self.identities.mask(value)
        ports = {str(self.upstream.port): "upstream_port", str(self.upstream.tls_port): "upstream_tls_port",
                 str(self.upstream.h2c_port): "upstream_h2c_port", str(self.tap.port): "api_port",
                 str(self.plane.port): "apiserver_port", str(self.issuer.port): "issuer_port",
                 self.names.get("dead_upstream", "::").rsplit(":", 1)[1]: "dead_port"}
        if proxy:
            value = value.replace(str(proxy.config), "{config}")
            ports |= {str(proxy.port): "port", str(proxy.plain_port): "plain_port",
                      str(proxy.health_port): "health_port"}
        for number, name in ports.items():
            value = re.sub(rf"(?<![\d.]){number}(?!\d)", "{%s}" % name, value) if number else value
        return re.sub(re.escape(str(self.folder)) + r"(/run-\w+)?", "{dir}", value)

    def mask_all(self, value: Any, proxy: Proxy | None) -> Any:
        if isinstance(value, str):
            return self.mask(value, proxy)
        if isinstance(value, list):
            return [self.mask_all(item, proxy) for item in value]
        if isinstance(value, dict):
            return {self.mask(key, proxy): self.mask_all(item, proxy) for key, item in value.items()}
        return value


# ---------------------------------------------------------------------------------------------------------------
# running cases
# ---------------------------------------------------------------------------------------------------------------


class NotRun(Exception):
    """The case cannot run here; the message says why."""


class Runner:
    """Runs cases of one table, one proxy process per distinct set of flags (or per case with `own_process`)."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def run(self, cases: list[Json], say: Callable[[str], None]) -> dict[str, Json]:
        groups: dict[str, list[Json]] = {}
        for index, case in enumerate(cases):
            alone = case.get("own_process") or case.get("kind", "http") != "http"
            key = json.dumps([case["flags"], case.get("config"), case.get("base", True), index if alone else None])
            groups.setdefault(key, []).append(case)
        answers: dict[str, Json] = {}
        for group in groups.values():
            try:
                self._group(group, answers)
            except OSError as error:
                for case in group:
                    answers.setdefault(case["name"], {"not run": str(error)})
            say(f"{len(answers)}/{len(cases)} {group[-1]['name']}")
        return answers

    def _group(self, group: list[Json], answers: dict[str, Json]) -> None:
        first = group[0]
        self.stage.upstream.behave("ok")
        self.stage.tap.behave(first.get("api", "pass"))
        proxy = Proxy(self.stage, first["flags"], first.get("config"), first.get("base", True), first.get("files", {}))
        time.sleep(max(float(case.get("settle", 0)) for case in group) if proxy.up else 0)
        try:
            for case in group:
                answer = self._one(case, proxy)
                answers[case["name"]] = {k: v for k, v in answer.items() if k not in case.get("unstable", [])}
        finally:
            proxy.stop()

    def _one(self, case: Json, proxy: Proxy) -> Json:
        if "h2" in case.get("needs", []) and h2 is None:
            return {"not run": "the Python package h2 is missing"}
        kind = case.get("kind", "http")
        if kind == "startup":
            deadline = time.monotonic() + float(case.get("wait", 0.5 if proxy.up and proxy.ports else 4.0))
            while proxy.child.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
            return {"startup": proxy.startup()}
        if not proxy.up:
            return {"startup": proxy.startup()}
        self.stage.upstream.behave(case.get("upstream", "ok"))
        self.stage.tap.behave(case.get("api", "pass"))
        match kind:
            case "http":
                answer = self._exchange(case, proxy)
            case "tls":
                answer = self._handshake(case, proxy)
            case "drain":
                answer = self._drain(case, proxy)
            case "file-change":
                answer = self._file_change(case, proxy)
            case other:
                raise ValueError(f"case {case['name']}: unknown kind {other}")
        if proxy.child.poll() is not None and kind == "http":
            answer["proxy_ended"] = proxy.startup()
        return self.stage.mask_all(answer, proxy)

    def _connect(self, case: Json, proxy: Proxy, alpn: list[str]) -> socket.socket:
        listener = case.get("listener", "secure")
        port = {"secure": proxy.port, "insecure": proxy.plain_port, "endpoints": proxy.health_port}[listener]
        sock = socket.create_connection((LOOPBACK, port), 5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if listener == "insecure":
            return sock
        certificate = self.stage.identities.certificates.get(case.get("identity", "none"))
        return client_context(case.get("tls", {}), alpn, certificate).wrap_socket(sock, server_hostname="proxy.test")

    def _filled(self, case: Json, proxy: Proxy) -> Json:
        """The case's request with identity and port placeholders filled in."""
        tokens = self.stage.identities.tokens
        own = tokens.get(case.get("identity", "none"), "")

        def one(value: str) -> str:
            value = value.replace("{token}", own).replace("{b64token}", base64url(own.encode()))
            value = re.sub(r"\{token:([\w-]+)\}", lambda m: tokens[m.group(1)], value)
            value = re.sub(r"\{repeat:(.+?):(\d+)\}", lambda m: m.group(1) * int(m.group(2)), value, flags=re.S)
            return proxy.fill(value) if "{" in value else value

        request = json.loads(json.dumps(case["request"]))
        for key in ("raw", "target", "body", "after_upgrade"):
            if isinstance(request.get(key), str):
                request[key] = one(request[key])
        request["headers"] = [[one(name), one(value)] for name, value in request.get("headers", [])]
        for name, value, count in request.pop("many_headers", []):
            request["headers"] += [[name % i, one(value)] for i in range(count)]
        return request

    def _exchange(self, case: Json, proxy: Proxy) -> Json:
        request = self._filled(case, proxy)
        version2 = request.get("version") == "HTTP/2"
        for _ in range(case.get("repeat", 1) - 1):
            self._exchange({**case, "repeat": 1}, proxy)
        try:
            sock = self._connect(case, proxy, ["h2"] if version2 else ["http/1.1"])
        except (ssl.SSLError, OSError) as error:
            return {"error": "TLS: " + (getattr(error, "reason", None) or type(error).__name__)}
        try:
            answer = (Http2Client if version2 else Http1Client)(sock, request).run()
        finally:
            with contextlib.suppress(OSError):
                sock.close()
        time.sleep(0.05 if "upgraded" in answer else 0.02)
        seen = [s.as_json() for s in self.stage.upstream.seen]
        answer["upstream"] = None if not seen else seen[0] if len(seen) == 1 else seen
        if case.get("own_process"):
            answer["api"] = list(self.stage.tap.calls)
        if case.get("check_log"):
            own = self.stage.identities.tokens[case["identity"]]
            answer["token_in_log"] = own.rsplit(".", 1)[-1] in proxy.log.read_text(errors="replace")
        return answer

    def _handshake(self, case: Json, proxy: Proxy) -> Json:
        """A TLS handshake only: version, protocol and cipher agreed on, or the alert."""
        try:
            with self._connect(case, proxy, case["tls"].get("alpn", [])) as sock:
                assert isinstance(sock, ssl.SSLSocket)
                sock.settimeout(0.3)
                with contextlib.suppress(TimeoutError):
                    sock.recv(1)  # a TLS 1.3 refusal arrives after the handshake
                answer = {"tls": sock.version(), "alpn": sock.selected_alpn_protocol()}
                if case["tls"].get("max") in ("1.0", "1.1", "1.2"):
                    answer["cipher"] = (sock.cipher() or [None])[0]
                return answer
        except ssl.SSLError as error:
            return {"error": "TLS: " + (error.reason or "failed")}
        except OSError as error:
            return {"error": "TLS: " + type(error).__name__}

    def _drain(self, case: Json, proxy: Proxy) -> Json:
        """SIGTERM while the case's request is in flight: is it answered, are new ones taken, how does it end?"""
        answer: Json = {}
        thread = threading.Thread(target=lambda: answer.update(self._exchange(case, proxy)))
        thread.start()
        time.sleep(0.5)
        proxy.child.send_signal(signal.SIGTERM)
        time.sleep(0.4)
        try:
            socket.create_connection((LOOPBACK, proxy.port), 1).close()
            answer["new_connections_after_sigterm"] = "taken"
        except OSError:
            answer["new_connections_after_sigterm"] = "refused"
        thread.join(20)
        try:
            answer["exit"] = proxy.child.wait(8)
        except subprocess.TimeoutExpired:
            answer["exit"] = "still running"
        return answer

    def _file_change(self, case: Json, proxy: Proxy) -> Json:
        """Replaces files that the flags name while the proxy runs, waits, then asks the case's question."""
        for name, source in case["change"].items():
            proxy.copy(name, source)
        deadline = time.monotonic() + float(case.get("wait", 4))
        while time.monotonic() < deadline and proxy.child.poll() is None:
            time.sleep(0.1)
        if proxy.child.poll() is not None:
            return {"proxy_ended": proxy.startup()}
        context = ssl.create_default_context(cafile=self.stage.pki.ca)
        context.check_hostname = False
        with context.wrap_socket(socket.create_connection((LOOPBACK, proxy.port), 5)) as sock:
            subject = (sock.getpeercert() or {}).get("subject", ())
        return {"served_certificate": ", ".join(f"{k}={v}" for part in subject for k, v in part),
                **self._exchange(case, proxy)}


# ---------------------------------------------------------------------------------------------------------------
# comparing answers
# ---------------------------------------------------------------------------------------------------------------


def comparable(answer: Any, strict_order: bool) -> Any:
    """An answer with what no caller can rely on taken out: order and letter case of the names sent upstream."""
    if not isinstance(answer, dict):
        return answer
    answer = json.loads(json.dumps(answer))
    seen = answer.get("upstream")
    for one in seen if isinstance(seen, list) else [seen] if seen else []:
        if not strict_order:
            fields: dict[str, list[str]] = {}
            for name, value in one["headers"]:
                fields.setdefault(name.lower(), []).append(value)
            one["headers"] = fields
    return answer


def differences(path: str, want: Any, got: Any) -> list[tuple[str, str, str]]:
    """Each leaf that differs, as (field, recorded, now)."""
    if isinstance(want, dict) and isinstance(got, dict):
        found = []
        for key in sorted(want.keys() | got.keys()):
            where = f"{path}.{key}" if path else key
            if key not in got:
                found.append((where, brief(want[key]), NOTHING))
            elif key not in want:
                found.append((where, NOTHING, brief(got[key])))
            else:
                found += differences(where, want[key], got[key])
        return found
    return [] if want == got else [(path, brief(want), brief(got))]


def brief(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=True)
    return shown if len(shown) <= 160 else shown[:157] + "..."


class Allowed:
    """Lines `CASE FIELD  # reason`, both sides with shell wildcards; a line that matches nothing is reported."""

    def __init__(self, path: str | None) -> None:
        self.rules: list[tuple[str, str, str]] = []
        self.used: set[int] = set()
        for number, line in enumerate(Path(path).read_text().splitlines() if path else [], 1):
            rule, _, reason = (part.strip() for part in line.partition("#"))
            if not rule:
                continue
            words = rule.split()
            if len(words) != 2 or not reason:
                raise SystemExit(f"{path}:{number}: want 'CASE FIELD  # reason'")
            self.rules.append((words[0], words[1], reason))

    def __call__(self, case: str, where: str) -> str | None:
        """The reason of the first rule for a difference; None where there is none."""
        found = None
        for index, (name, pattern, reason) in enumerate(self.rules):
            if fnmatch.fnmatchcase(case, name) and fnmatch.fnmatchcase(where, pattern):
                self.used.add(index)
                found = found or reason
        return found

    def unused(self) -> list[str]:
        return [f"{name} {pattern}" for index, (name, pattern, _) in enumerate(self.rules) if index not in self.used]


# ---------------------------------------------------------------------------------------------------------------
# tables and verbs
# ---------------------------------------------------------------------------------------------------------------


def load(path: str) -> Json:
    table = json.loads(Path(path).read_text())
    names = [case["name"] for case in table["cases"]]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise SystemExit(f"{path}: names used twice: {sorted(twice)}")
    for case in table["cases"]:
        if case.get("identity", "none") not in table["identities"]:
            raise SystemExit(f"{path}: {case['name']}: unknown identity {case['identity']}")
    return table


def save(path: str, table: Json) -> None:
    """Writes a table so that a reviewer can read it and diff it: one line per key, per identity and per answer."""

    def block(value: Json, depth: int, deep: tuple[str, ...]) -> str:
        pad = " " * depth
        lines = []
        for key, item in value.items():
            shown = block(item, depth + 1, ()) if key in deep and item else json.dumps(item)
            lines.append(f"{pad} {json.dumps(key)}: {shown}")
        return "{\n" + ",\n".join(lines) + "\n" + pad + "}"

    head = {key: value for key, value in table.items() if key != "cases"}
    cases = ",\n".join("  " + block(case, 2, ("answers", "request")) for case in table["cases"])
    top = block(head, 0, ("identities", "fixtures", "recorded"))
    fresh = Path(path + ".new")
    fresh.write_text(top[:-2] + ',\n "cases": [\n' + cases + "\n ]\n}\n")
    fresh.replace(path)


@contextlib.contextmanager
def stage_for(table: Json, args: argparse.Namespace):
    """Control plane, tap, upstream and identities for one table; everything is stopped at the end."""
    folder = Path(tempfile.mkdtemp(prefix="proxy-table-"))
    processes = Processes()
    try:
        pki = Pki(folder / "pki")
        issuer = Issuer(pki)
        plane = ControlPlane(args.etcd, args.kube_apiserver, folder, pki, issuer, processes)
        stage = Stage(table, shlex.split(args.proxy), folder, processes, pki, issuer, plane, ApiTap(plane, pki),
                      Upstream(pki))
        stage.prepare()
        yield stage
    finally:
        processes.stop_all()
        if args.keep:
            print(f"kept {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def chosen(table: Json, only: list[str] | None) -> list[Json]:
    if not only:
        return table["cases"]
    return [case for case in table["cases"]
            if any(fnmatch.fnmatchcase(case["name"], o) or fnmatch.fnmatchcase(case["group"], o) for o in only)]


def progress(quiet: bool) -> Callable[[str], None]:
    return (lambda line: None) if quiet else (lambda line: print(line, file=sys.stderr))


def record(args: argparse.Namespace) -> int:
    for path in args.table:
        table = load(path)
        cases = chosen(table, args.only)
        with stage_for(table, args) as stage:
            answers = Runner(stage).run(cases, progress(args.quiet))
        failed = [name for name, answer in answers.items() if "not run" in answer]
        for case in cases:
            if case["name"] not in failed:
                case.setdefault("answers", {})[args.program] = answers[case["name"]]
        if args.about:
            table.setdefault("recorded", {})[args.program] = args.about
        save(path, table)
        print(f"{path}: {len(cases) - len(failed)} recorded as {args.program}, {len(failed)} not run {failed or ''}")
        if failed:
            return 1
    return 0


def replay(args: argparse.Namespace) -> int:
    allowed = Allowed(args.allow)
    same = different = refused = 0
    tell = (lambda kind, said, **parts: print(json.dumps({"kind": kind, **parts}))) if args.json \
        else (lambda kind, said, **parts: print(f"{kind:<10} {said}" if kind != "end" else said))
    for path in args.table:
        table = load(path)
        cases = chosen(table, args.only)
        with stage_for(table, args) as stage:
            answers = Runner(stage).run(cases, progress(args.quiet))
        for case in cases:
            got, want = answers[case["name"]], case.get("answers", {}).get(args.against)
            if want is None:
                found = [("answers", NOTHING, f"{args.against} has no recorded answer")]
            elif "not run" in got:
                found = [("not-run", NOTHING, got["not run"])]
            else:
                found = differences("", comparable(want, args.strict_order), comparable(got, args.strict_order))
            for where, recorded, now in found:
                reason = allowed(case["name"], where)
                refused += reason is None
                tell("DIFFERENT" if reason is None else "allowed", f"{case['name']} {where}: recorded {recorded}, now {now}",
                     group=case["group"], case=case["name"], field=where, recorded=recorded, now=now, reason=reason)
            different += bool(found)
            same += not found
    for rule in allowed.unused():
        tell("unused", rule, rule=rule)
    tell("end", f"{same} same, {different} different", same=same, different=different)
    return 1 if refused else 0


def show(args: argparse.Namespace) -> int:
    for path in args.table:
        for case in chosen(load(path), args.only):
            print(f"{case['group']:<14} {case['name']:<44} {case['why']}")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0], epilog="\n".join(__doc__.split("\n")[2:]),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)

    def verb(name: str, run: Callable[[argparse.Namespace], int], about: str) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=about)
        sub.add_argument("--table", action="append", required=True, help="table file (may be given more than once)")
        sub.add_argument("--only", action="append", help="only cases whose name or group matches this wildcard")
        sub.set_defaults(run=run)
        return sub

    for name, run, about in (("record", record, "write answers into the table"),
                             ("replay", replay, "print differences from recorded answers")):
        sub = verb(name, run, about)
        sub.add_argument("--proxy", required=True, help="argv prefix of the proxy, e.g. 'gatewright proxy'")
        sub.add_argument("--etcd", default="etcd", help="path of etcd")
        sub.add_argument("--kube-apiserver", default="kube-apiserver", help="path of kube-apiserver")
        sub.add_argument("--keep", action="store_true", help="keep the working folder with all logs")
        sub.add_argument("--quiet", action="store_true", help="no progress on stderr")
    verbs.choices["record"].add_argument("--program", required=True, help="name to record under, e.g. krp")
    verbs.choices["record"].add_argument("--about", help="version text to keep with the recording")
    verbs.choices["replay"].add_argument("--against", required=True, help="recorded program to compare with")
    verbs.choices["replay"].add_argument("--allow", help="file of allowed differences: CASE FIELD  # reason")
    verbs.choices["replay"].add_argument("--strict-order", action="store_true",
                                         help="also compare order and letter case of header names sent upstream")
    verbs.choices["replay"].add_argument("--json", action="store_true", help="print JSON, a line for each difference")
    verb("list", show, "print the cases")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the children are stopped
    return args.run(args)


if __name__ == "__main__":
    sys.exit(main())
