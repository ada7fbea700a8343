export { Apis } from '../src/gen/countersign/v1/api_pb';
export { ApiGroups } from '../src/gen/countersign/v1/api_group_pb';
export { SignatureKeys } from '../src/gen/countersign/v1/signature_key_pb';
export { Nodes } from '../src/gen/countersign/v1/node_pb';
