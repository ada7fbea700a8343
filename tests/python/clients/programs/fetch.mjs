// The fetch of Node.js, many at a time, on connections that it keeps.
//
//     NODE_EXTRA_CA_CERTS=CA node fetch.mjs COUNT URL…

const [count, ...urls] = process.argv.slice(2);

async function ask(url, number) {
  const answer = await fetch(url, number % 2 ? { method: "POST", body: "from fetch" } : {});
  await answer.arrayBuffer();
  return `${answer.status} HTTP/1.1`;
}

for (const url of urls) {
  const asked = Array.from({ length: Number(count) }, (_, number) => ask(url, number));
  console.log((await Promise.all(asked)).join("\n"));
}
