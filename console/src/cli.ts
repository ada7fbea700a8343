// The same in a shell: lines for `countersign` and for curl.
import { type DescMessage, type MessageInitShape, create, toBinary } from '@bufbuild/protobuf';
import { token } from './session';

const SAFE = /^[A-Za-z0-9_\-.:/@%+=,]+$/;

export function quote(text: string): string {
  return SAFE.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** `countersign` and its words, quoted; a flag without value is left out. */
export function cli(...words: (string | [flag: string, value: string | undefined | false] | undefined | false)[]): string {
  const parts = ['countersign'];
  for (const word of words) {
    if (!word) continue;
    if (typeof word === 'string') parts.push(quote(word));
    else if (word[1]) parts.push(word[0], quote(word[1]));
  }
  return parts.join(' ');
}

/** The call itself: gRPC-Web in its form for text, as this page makes it in binary. */
export function curl<Desc extends DescMessage>(method: string, schema: Desc, message: MessageInitShape<Desc>): string {
  const body = toBinary(schema, create(schema, message));
  const frame = new Uint8Array(5 + body.length);
  new DataView(frame.buffer).setUint32(1, body.length);
  frame.set(body, 5);
  const text = btoa(String.fromCharCode(...frame));
  const headers = ["-H 'content-type: application/grpc-web-text'"];
  if (token.value) headers.push(`-H "authorization: Bearer $COUNTERSIGN_TOKEN"`);
  return `curl -s ${headers.join(' ')} --data ${text} ${location.origin}/countersign.v1.${method}`;
}

export function requestId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `console-${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
