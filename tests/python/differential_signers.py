"""The three public signers, each over a signed request as a backend received it."""

import base64
import json
import re
import subprocess
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from urllib.parse import parse_qsl

from apigateway_sdk_python import signer as apigateway
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer as HuaweiSigner

from wire import Message

CONTENT_HEADER = "x-sdk-content-sha256"
PATIENCE_SECONDS = 120
# The public documentation's own pattern.
AUTHORIZATION = re.compile(
    r"SDK-HMAC-SHA256\s+Access=([^,]+),\s?SignedHeaders=([^,]+),\s?Signature=(\w+)"
)


@dataclass(frozen=True)
class Signed:
    """What a signature covers, and the signature: nothing decoded, no header that is not signed."""

    method: str
    target: str
    # Names in lower case, in the order in which they are signed.
    headers: dict[str, str]
    body: bytes
    authorization: str

    @classmethod
    def of(cls, received: Message) -> "Signed":
        """Raises `ValueError` for what no signer need be asked about."""
        method, target, _ = received.first_line.split(" ")
        authorization = received.header("authorization") or ""
        claim = AUTHORIZATION.fullmatch(authorization)
        if claim is None:
            raise ValueError(f"not an SDK-HMAC-SHA256 header: {authorization!r}")
        headers = {name: received.header(name) for name in claim[2].split(";")}
        if None in headers.values() or not {"host", "x-sdk-date"} <= headers.keys():
            raise ValueError(f"signed headers that are missing: {claim[2]}")
        if not target.isascii():
            raise ValueError(f"a target that is not ASCII: {target!r}")
        return cls(method, target, headers, received.body, authorization)

    @property
    def url(self) -> str:
        return f"http://{self.headers['host']}{self.target}"

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @cached_property
    def parameters(self) -> list[tuple[str, str]]:
        """Names and values decoded to text, for signers that do not read a query themselves.
        A plus is a plus, a `%` that begins no escape a percent sign."""
        return parse_qsl(self.query.replace("+", "%2B"), keep_blank_values=True)


class ApigatewaySdkPython:
    """Reads the URL itself."""

    name = "apigateway-sdk-python"
    version = version(name)

    def __init__(self, key: str, secret: str):
        self.signer = apigateway.Signer()
        self.signer.Key, self.signer.Secret = key, secret

    def authorizations(self, requests: list[Signed]) -> list[str]:
        return [self._authorization(request) for request in requests]

    def _authorization(self, request: Signed) -> str:
        again = apigateway.HttpRequest(request.method, request.url, request.headers)
        again.body = request.body
        self.signer.Sign(again)
        return again.headers["Authorization"]


class Huaweicloudsdkcore:
    """Takes the path as it is and the query decoded."""

    name = "huaweicloudsdkcore"
    version = version(name)

    def __init__(self, key: str, secret: str):
        self.signer = HuaweiSigner(BasicCredentials(key, secret))

    def authorizations(self, requests: list[Signed]) -> list[str]:
        return [self._authorization(request) for request in requests]

    def _authorization(self, request: Signed) -> str:
        again = SdkRequest(
            method=request.method,
            host=request.headers["host"],
            resource_path=request.path,
            query_params=list(request.parameters),
            header_params=dict(request.headers),
            body=request.body,
        )
        return self.signer.sign(again).header_params["Authorization"]


class HuaweicloudSdkCore:
    """The JavaScript one, in a process: takes the URL for its path, the query decoded, and the body
    as what `JSON.stringify` makes it from."""

    name = "@huaweicloud/huaweicloud-sdk-core"

    def __init__(self, key: str, secret: str, folder: Path):
        package = folder / "node_modules" / self.name / "package.json"
        if not package.is_file():
            raise SystemExit(
                f"{package} is not there: put tests/javascript/package*.json into {folder}, "
                "and run `npm ci` there"
            )
        self.version = json.loads(package.read_text())["version"]
        self.credential = {"key": key, "secret": secret}
        script = Path(__file__).parent.parent / "javascript" / "sign.mjs"
        self.command = ["node", str(script), str(folder)]

    def authorizations(self, requests: list[Signed]) -> list[str]:
        lines = "".join(json.dumps(self._line(request)) + "\n" for request in requests)
        done = subprocess.run(
            self.command,
            input=lines.encode(),
            stdout=subprocess.PIPE,
            timeout=PATIENCE_SECONDS,
            check=True,
        )
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        if len(answers) != len(requests):
            raise AssertionError(f"{self.name}: {len(answers)} answers to {len(requests)} requests")
        return [answer.get("authorization") or answer["error"] for answer in answers]

    def _line(self, request: Signed) -> dict:
        return self.credential | {
            "method": request.method,
            "endpoint": request.url,
            "headers": request.headers,
            "query": request.parameters,
            "body": base64.b64encode(request.body).decode(),
        }
