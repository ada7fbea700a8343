// A request that somebody captured: as it went over the wire, or as `curl -v` shows it. It is read
// as it stands; nothing is decoded or mended.
export interface Captured {
  method: string;
  target: string;
  headers: { name: string; value: Uint8Array<ArrayBuffer> }[];
  body: Uint8Array<ArrayBuffer>;
  /** The key that the signature names. */
  key?: string;
}

const encoder = new TextEncoder();

export function parseCapture(text: string): Captured | undefined {
  const sent = text.split(/\r?\n/);
  const isCurl = sent.some((line) => /^> [A-Z]+ \S+ HTTP\//.test(line));
  const lines = isCurl ? sent.filter((line) => line.startsWith('>')).map((line) => line.replace(/^> ?/, '')) : sent;
  const begin = lines.findIndex((line) => /^[A-Z]+ \S+( HTTP\/[\d.]+)?$/.test(line.trim()));
  if (begin < 0) return undefined;
  const [method, url] = lines[begin]!.trim().split(' ');
  const target = url!.replace(/^https?:\/\/[^/]+/, '') || '/';
  const headers: Captured['headers'] = [];
  let at = begin + 1;
  for (; at < lines.length && lines[at] !== ''; at++) {
    const colon = lines[at]!.indexOf(':', 1);
    if (colon < 0) continue;
    headers.push({ name: lines[at]!.slice(0, colon).trim(), value: encoder.encode(lines[at]!.slice(colon + 1).trim()) });
  }
  const body = isCurl ? '' : lines.slice(at + 1).join('\n').replace(/\n$/, '');
  const authorization = headers.find(({ name }) => name.toLowerCase() === 'authorization');
  const key = authorization && /Access=([^,\s]+)/.exec(new TextDecoder().decode(authorization.value))?.[1];
  return { method: method!, target, headers, body: encoder.encode(body), key };
}
