// That a log goes on from an older one: RFC 9162, section 2.1.4.2, and notes of C2SP tlog-checkpoint.
import { equal } from './note';

export interface Checkpoint {
  origin: string;
  size: bigint;
  root: Uint8Array;
}

export function parseCheckpoint(note: string): Checkpoint | undefined {
  const [origin, size, root] = note.trim().split('\n');
  if (!origin || !/^\d+$/.test(size ?? '') || !root) return undefined;
  try {
    const bytes = Uint8Array.from(atob(root), (one) => one.charCodeAt(0));
    return bytes.length === 32 ? { origin, size: BigInt(size!), root: bytes } : undefined;
  } catch {
    return undefined;
  }
}

export async function goesOn(old: Checkpoint, now: Checkpoint, hashes: Uint8Array[]): Promise<boolean> {
  if (old.size === now.size) return hashes.length === 0 && equal(old.root, now.root);
  if (old.size > now.size || old.size === 0n) return false;
  const path = (old.size & (old.size - 1n)) === 0n ? [old.root, ...hashes] : hashes;
  if (path.length === 0) return false;
  let [fn, sn] = [old.size - 1n, now.size - 1n];
  while (fn & 1n) [fn, sn] = [fn >> 1n, sn >> 1n];
  let [fr, sr] = [path[0]!, path[0]!];
  for (const hash of path.slice(1)) {
    if (sn === 0n) return false;
    if (fn & 1n || fn === sn) {
      fr = await node(hash, fr);
      sr = await node(hash, sr);
      while (!(fn & 1n) && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else sr = await node(sr, hash);
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  return sn === 0n && equal(fr, old.root) && equal(sr, now.root);
}

async function node(left: Uint8Array, right: Uint8Array): Promise<Uint8Array> {
  const bytes = new Uint8Array(65);
  bytes[0] = 1;
  bytes.set(left, 1);
  bytes.set(right, 33);
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}
