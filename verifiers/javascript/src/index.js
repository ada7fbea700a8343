// What the package offers; `index.d.ts` says the same in types.

export { Refused } from "./refused.js";
export { UNSIGNED_PAYLOAD, verify } from "./verify.js";
export { middleware, verifyIncoming } from "./node.js";
export { verifyFetch } from "./fetch.js";
export { canonicalRequest, stringToSign } from "./canonical.js";
