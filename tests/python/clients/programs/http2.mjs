// node:http2: many streams of one session.
//
//     NODE_EXTRA_CA_CERTS=CA node http2.mjs COUNT URL…

import http2 from "node:http2";

const [count, ...urls] = process.argv.slice(2);

function ask(session, path, number) {
  return new Promise((resolve, reject) => {
    const method = number % 2 ? "POST" : "GET";
    const stream = session.request({ ":method": method, ":path": path });
    let status;
    stream.on("response", (headers) => (status = headers[":status"]));
    stream.on("error", reject);
    stream.on("end", () => resolve(`${status} HTTP/2.0`));
    stream.resume();
    stream.end(number % 2 ? "from http2" : undefined);
  });
}

for (const url of urls) {
  const { origin, pathname } = new URL(url);
  const session = http2.connect(origin);
  const asked = Array.from({ length: Number(count) }, (_, n) => ask(session, pathname, n));
  console.log((await Promise.all(asked)).join("\n"));
  session.close();
}
