// The clients: gRPC-Web to the same services that the command line calls, on the origin that
// served this page. Nothing else is ever asked.
import { createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcWebTransport } from '@connectrpc/connect-web';
import { Access } from './gen/countersign/v1/access_pb';
import { Apis } from './gen/countersign/v1/api_pb';
import { ApiGroups } from './gen/countersign/v1/api_group_pb';
import { Audit } from './gen/countersign/v1/audit_pb';
import { Bindings } from './gen/countersign/v1/binding_pb';
import { Environments } from './gen/countersign/v1/environment_pb';
import { Events } from './gen/countersign/v1/event_pb';
import { Nodes } from './gen/countersign/v1/node_pb';
import { Verification } from './gen/countersign/v1/verification_pb';
import { SignatureKeys } from './gen/countersign/v1/signature_key_pb';
import { credentials, onUnauthenticated } from './session';
import { asFailure } from './failure';

const CALL_MS_MAX = 20_000;

const named: Interceptor = (next) => async (request) => {
  for (const [name, value] of credentials()) request.header.set(name, value);
  try {
    return await next(request);
  } catch (error) {
    if (asFailure(error).status === 'UNAUTHENTICATED') onUnauthenticated();
    throw error;
  }
};

const options = { baseUrl: location.origin, interceptors: [named], useBinaryFormat: true };
const calls = createGrpcWebTransport({ ...options, defaultTimeoutMs: CALL_MS_MAX });
// A stream has no end of its own.
const streams = createGrpcWebTransport(options);

export const access = createClient(Access, calls);
export const keys = createClient(SignatureKeys, calls);
export const bindings = createClient(Bindings, calls);
export const apis = createClient(Apis, calls);
export const groups = createClient(ApiGroups, calls);
export const environments = createClient(Environments, calls);
export const nodes = createClient(Nodes, calls);
export const events = createClient(Events, calls);
export const verification = createClient(Verification, calls);
export const audit = createClient(Audit, calls);
export const watching = { nodes: createClient(Nodes, streams), events: createClient(Events, streams), audit: createClient(Audit, streams) };
