"""TLS in front of servers that were built without it: a certificate of our own, and a proxy that ends TLS."""

import datetime as dt
import ipaddress
import socket
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_SSL_REQUEST = bytes([0, 0, 0, 8, 4, 210, 22, 47])
"""How a PostgreSQL client asks for TLS (https://www.postgresql.org/docs/current/protocol-message-formats.html)."""


def make_certificate(directory):
    """Write ``key.pem`` and a ``cert.pem`` for 127.0.0.1 that vouches for itself; return both paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / "key.pem").write_bytes(secret)
    (directory / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return directory / "cert.pem", directory / "key.pem"


class TlsProxy:
    """Ends TLS and passes on what was inside.

    Attributes:
        port: where it listens.
        served: how many connections came by TLS.
    """

    def __init__(self, target, directory, *, asks_first):
        self._target, self._asks_first = target, asks_first
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*make_certificate(directory))
        self.served = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            if self._asks_first:
                if client.recv(8, socket.MSG_WAITALL) != _SSL_REQUEST:
                    client.close()
                    return
                client.sendall(b"S")
            inside = self._context.wrap_socket(client, server_side=True)
        except OSError:
            client.close()
            return
        self.served += 1
        server = socket.create_connection(("127.0.0.1", self._target))
        threading.Thread(target=_pump, args=(server, inside), daemon=True).start()
        _pump(inside, server)


def _pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        end.close()
