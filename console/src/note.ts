// Signed notes (C2SP signed-note) with Ed25519, verified by the browser where it can.

export type Verdict = 'good' | 'bad' | 'other-key' | 'no-signature' | 'unreadable-key' | 'cannot';

const ED25519 = 1;

interface Key {
  name: string;
  id: Uint8Array;
  bytes: Uint8Array<ArrayBuffer>;
}

/** Whether the note is signed by the key, which is written as `<name>+<key id>+<base64>`. */
export async function verifyNote(note: string, publicKey: string): Promise<Verdict> {
  // Browsers have no cryptography where they came in clear text from another machine.
  if (!globalThis.crypto?.subtle) return 'cannot';
  const key = await parseKey(publicKey.trim());
  if (!key) return 'unreadable-key';
  const whole = `${note.trim()}\n`;
  const at = whole.lastIndexOf('\n\n');
  if (at < 0) return 'no-signature';
  const text = new TextEncoder().encode(whole.slice(0, at + 1));
  const signatures = whole.slice(at + 2).split('\n').flatMap((line) => parseSignature(line) ?? []);
  if (signatures.length === 0) return 'no-signature';
  const ours = signatures.find((one) => one.name === key.name && equal(one.id, key.id));
  if (!ours) return 'other-key';
  try {
    const imported = await crypto.subtle.importKey('raw', key.bytes, { name: 'Ed25519' }, false, ['verify']);
    return (await crypto.subtle.verify({ name: 'Ed25519' }, imported, ours.bytes, text)) ? 'good' : 'bad';
  } catch {
    return 'cannot';
  }
}

async function parseKey(line: string): Promise<Key | undefined> {
  // Base64 has plus signs of its own.
  const [, name, id, encoded] = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(line) ?? [];
  const bytes = decode(encoded ?? '');
  if (!name || !id || bytes?.length !== 33 || bytes[0] !== ED25519) return undefined;
  const hashed = new Uint8Array([...new TextEncoder().encode(`${name}\n`), ...bytes]);
  const made = new Uint8Array(await crypto.subtle.digest('SHA-256', hashed)).slice(0, 4);
  return [...made].map((byte) => byte.toString(16).padStart(2, '0')).join('') === id ? { name, id: made, bytes: bytes.slice(1) } : undefined;
}

function parseSignature(line: string): Key | undefined {
  const [, name, encoded] = /^— (\S+) (\S+)$/.exec(line) ?? [];
  const bytes = decode(encoded ?? '');
  return name && bytes?.length === 68 ? { name, id: bytes.slice(0, 4), bytes: bytes.slice(4) } : undefined;
}

function decode(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  } catch {
    return undefined;
  }
}

export function equal(one: Uint8Array, two: Uint8Array): boolean {
  return one.length === two.length && one.every((byte, at) => byte === two[at]);
}
