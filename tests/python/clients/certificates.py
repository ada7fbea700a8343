"""A certificate authority of its own and one certificate, made by openssl for one run."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

DAYS = "2"


@dataclass(frozen=True)
class Certificates:
    authority: Path
    certificate: Path
    key: Path


def make_certificates(directory: Path, hosts: list[str]) -> Certificates:
    """For these addresses; the authority vouches for the certificate, and nobody else does."""
    authority, authority_key = directory / "ca.pem", directory / "ca.key"
    made = Certificates(authority, directory / "node.pem", directory / "node.key")
    request = directory / "node.csr"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    _openssl("req", "-x509", *curve, "-keyout", authority_key, "-out", authority, "-days", DAYS)
    _openssl("req", *curve, "-keyout", made.key, "-out", request)
    extensions = directory / "node.ext"
    names = ",".join(f"IP:{host}" for host in hosts)
    extensions.write_text(f"subjectAltName={names}\nbasicConstraints=CA:FALSE\n")
    signing = ["-CA", authority, "-CAkey", authority_key, "-CAcreateserial", "-days", DAYS]
    files = ["-in", request, "-out", made.certificate, "-extfile", extensions]
    _openssl("x509", "-req", *signing, *files)
    return made


def _openssl(verb: str, *args):
    subject = ["-subj", f"/CN=Countersign {verb}"] if verb == "req" else []
    done = subprocess.run(
        ["openssl", verb, *map(str, args), *subject], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise AssertionError(f"openssl {verb}: {done.stderr}")
