// Why a request is refused, with names that scripts may rely on. Never carries a secret, nor the
// signature that would have been right.

export class Refused extends Error {
  constructor(reason, message) {
    super(message);
    this.name = "Refused";
    this.reason = reason;
    this.status = reason === "BODY_TOO_LARGE" ? 413 : 401;
  }

  toJSON() {
    return { verified: false, reason: this.reason, message: this.message };
  }
}

export function bodyTooLarge(bytesMax) {
  return new Refused("BODY_TOO_LARGE", `the body is larger than ${bytesMax} bytes`);
}
