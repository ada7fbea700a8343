"""A client that Countersign did not write: grpcio, with nothing but what the server tells of itself
by reflection. No file of the contract and no generated code is read.

It makes what signing needs, binds, lists and unbinds, and then sends bad input: each must come back
with the right status, reason and field violations.

    grpc_client.py BINARY
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import ParseDict
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from grpc_status import rpc_status

from gateway import PATIENCE_SECONDS, Gateway

PACKAGE = "countersign.v1"
SERVICES = ["Environments", "ApiGroups", "Apis", "SignatureKeys", "Bindings", "Events", "Nodes"]
SECRET = "Reflected_secret-2026!"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=Path)
    with Gateway(parser.parse_args().binary) as gateway:
        with grpc.insecure_channel(gateway.control_plane) as channel:
            server = Reflected(channel)
            check_health(channel, server)
            make_bind_list_unbind(server)
            return send_bad_input(server)


class Reflected:
    """Calls methods by name, with messages that the server described."""

    def __init__(self, channel: grpc.Channel):
        self.channel = channel
        self.database = ProtoReflectionDescriptorDatabase(channel)
        self.pool = DescriptorPool(self.database)

    def call(self, method: str, fields: dict | None = None):
        """The reply of `Service.Method`; for a stream its first message."""
        service, name = method.split(".")
        described = self.pool.FindServiceByName(f"{PACKAGE}.{service}").methods_by_name[name]
        request = ParseDict(fields or {}, GetMessageClass(described.input_type)())
        kind = self.channel.unary_stream if described.server_streaming else self.channel.unary_unary
        invoke = kind(
            f"/{PACKAGE}.{service}/{name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(described.output_type).FromString,
        )
        reply = invoke(request, timeout=PATIENCE_SECONDS)
        return next(reply) if described.server_streaming else reply


def check_health(channel: grpc.Channel, server: Reflected):
    health = health_pb2_grpc.HealthStub(channel)
    listed = server.database.get_services()
    for service in ["", *(f"{PACKAGE}.{name}" for name in [*SERVICES, "Sync"])]:
        status = health.Check(health_pb2.HealthCheckRequest(service=service)).status
        assert status == health_pb2.HealthCheckResponse.SERVING, f"{service} is {status}"
        assert not service or service in listed, f"reflection does not list {service}: {listed}"
    print(f"grpc: {len(SERVICES) + 1} services healthy and described by reflection")


def make_bind_list_unbind(server: Reflected):
    call = server.call
    call("Environments.CreateEnvironment", {"environment": {"name": "STAGING"}})
    group = call(
        "ApiGroups.CreateApiGroup", {"api_group": {"name": "shop", "domains": ["shop.example"]}}
    )
    api = {
        "api_group": group.api_group.id,
        "name": "orders",
        "method": "METHOD_GET",
        "path": "/orders/{id}",
        "backend": {"scheme": "http", "targets": ["127.0.0.1:9"]},
    }
    api = call("Apis.CreateApi", {"api": api}).api
    published = call("Apis.PublishApi", {"api": "shop/orders", "environment": "STAGING"})
    assert published.publication.definition.path == "/orders/{id}", published
    key = {"name": "orders", "type": "SIGNATURE_KEY_TYPE_HMAC", "key": "orders-2026"}
    made = call("SignatureKeys.CreateSignatureKey", {"signature_key": key, "secret": SECRET})
    assert SECRET not in str(made) and made.signature_key.secret_fingerprint, made
    binding = {"signature_key": "orders", "api": api.id, "environment": "STAGING"}
    bound = call("Bindings.CreateBinding", binding)

    listed = call("Bindings.ListBindings", {"environment": "STAGING", "api_name_contains": "ord"})
    found = [(b.signature_key_name, b.api_name, b.published) for b in listed.bindings]
    assert found == [("orders", "orders", True)], found
    assert listed.revision == bound.revision, listed
    unbound = call("Bindings.DeleteBinding", {"api": "orders", "environment": "STAGING"})
    assert unbound.revision == bound.revision + 1, unbound
    assert not call("Bindings.ListBindings").bindings
    last = call("Events.ListEvents", {"descending": True, "page_size": 1}).events[0]
    assert last.WhichOneof("payload") == "key_unbound", last
    first = call("Events.TailEvents", {"revision_from": 1}).event
    assert first.WhichOneof("payload") == "log_created", first
    nodes = call("Nodes.ListNodes").nodes
    assert [node.name for node in nodes] == ["node-1"] and nodes[0].connected, nodes
    print("grpc: made, published, bound, listed, unbound, read the log")


@dataclass
class Bad:
    """A call that must be refused, and how."""

    method: str
    fields: dict
    status: str
    reason: str
    violations: tuple[str, ...] = ()


def bad_inputs() -> list[Bad]:
    hmac, aes = "SIGNATURE_KEY_TYPE_HMAC", "SIGNATURE_KEY_TYPE_AES"
    bad_key = {"name": "1 key", "type": hmac, "key": "short"}
    bad_api = {"api_group": "shop", "name": "x", "path": "orders", "backend": {"scheme": "ftp"}}
    good_api = {
        "name": "another",
        "method": "METHOD_GET",
        "path": "/another",
        "backend": {"scheme": "http", "targets": ["127.0.0.1:9"]},
    }
    bind = {"signature_key": "orders", "api": "orders", "environment": "STAGING"}
    return [
        Bad(
            "Environments.CreateEnvironment",
            {"environment": {"name": "1-bad", "remark": "r" * 256}},
            "INVALID_ARGUMENT",
            "INVALID_FIELDS",
            ("environment.name", "environment.remark"),
        ),
        Bad(
            "SignatureKeys.CreateSignatureKey",
            {"signature_key": bad_key, "secret": "short", "confirm_secret": "other"},
            "INVALID_ARGUMENT",
            "INVALID_FIELDS",
            ("confirm_secret", "secret", "signature_key.key", "signature_key.name"),
        ),
        Bad(
            "Apis.CreateApi",
            {"api": bad_api},
            "INVALID_ARGUMENT",
            "INVALID_FIELDS",
            ("api.backend.scheme", "api.backend.targets", "api.method", "api.name", "api.path"),
        ),
        Bad(
            "Bindings.ListBindings",
            {"page_size": -1, "page_token": "nonsense"},
            "INVALID_ARGUMENT",
            "INVALID_FIELDS",
            ("page_size", "page_token"),
        ),
        Bad(
            "SignatureKeys.CreateSignatureKey",
            {"signature_key": {"name": "sealed", "type": aes}},
            "UNIMPLEMENTED",
            "UNIMPLEMENTED",
        ),
        Bad(
            "Apis.CreateApi",
            {"api": {**good_api, "api_group": "nowhere"}},
            "NOT_FOUND",
            "NOT_FOUND",
        ),
        Bad(
            "Bindings.DeleteBinding",
            {"api": "orders", "environment": "STAGING"},
            "NOT_FOUND",
            "NOT_BOUND",
        ),
        Bad(
            "Environments.CreateEnvironment",
            {"environment": {"name": "RELEASE"}},
            "ALREADY_EXISTS",
            "NAME_TAKEN",
        ),
        Bad(
            "ApiGroups.CreateApiGroup",
            {"api_group": {"name": "other", "domains": ["shop.example"]}},
            "ALREADY_EXISTS",
            "DOMAIN_TAKEN",
        ),
        Bad(
            "Environments.DeleteEnvironment",
            {"environment": "RELEASE"},
            "FAILED_PRECONDITION",
            "ENVIRONMENT_PERMANENT",
        ),
        Bad(
            "Bindings.CreateBinding",
            {**bind, "environment": "RELEASE"},
            "FAILED_PRECONDITION",
            "API_NOT_PUBLISHED",
        ),
        Bad(
            "Environments.CreateEnvironment",
            {"environment": {"name": "LATE"}, "expected_revision": 1},
            "ABORTED",
            "REVISION_MISMATCH",
        ),
        Bad(
            "Events.TailEvents",
            {"revision_from": 1000},
            "OUT_OF_RANGE",
            "REVISION_TO_COME",
        ),
    ]


def send_bad_input(server: Reflected) -> int:
    before = server.call("Environments.ListEnvironments").revision
    failed = 0
    print(f"\n{'method':<36}{'status':<21}{'reason':<24}violations")
    for bad in bad_inputs():
        try:
            server.call(bad.method, bad.fields)
            status, reason, violations = "OK", "", ()
        except grpc.RpcError as error:
            status, reason, violations = told(error)
        wanted = (bad.status, bad.reason, bad.violations)
        right = (status, reason, violations) == wanted
        failed += not right
        print(f"{bad.method:<36}{status:<21}{reason:<24}{', '.join(violations)}")
        if not right:
            print(f"  FAILED, expected {wanted}")
    after = server.call("Environments.ListEnvironments").revision
    if after != before:
        failed += 1
        print(f"FAILED: a refused call wrote something: revision {before} became {after}")
    print(f"grpc: {len(bad_inputs())} bad inputs, {failed} not refused as they should be")
    return 1 if failed else 0


def told(error: grpc.RpcError) -> tuple[str, str, tuple[str, ...]]:
    """Status, ErrorInfo's reason, and the names of BadRequest's fields, sorted."""
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        detail.Unpack(info)
        detail.Unpack(bad_request)
    assert not info.reason or info.domain == "countersign", info
    fields = tuple(sorted(violation.field for violation in bad_request.field_violations))
    assert all(v.description for v in bad_request.field_violations), "what is wrong is said"
    return error.code().name, info.reason, fields


if __name__ == "__main__":
    sys.exit(main())
