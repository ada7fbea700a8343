// What is done is followed until every node signs with it, told in local time, and can be copied as lines
// for a shell; and the procedure takes eight clicks at most from the login on.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { browser, controlPlane, node, open, run, secured } from './support.js';

let chrome;
let plane;
let nodes;

before(async () => {
  [chrome, plane] = await Promise.all([browser(), controlPlane()]);
  nodes = await Promise.all(['edge-1', 'edge-2', 'edge-3'].map((name) => node(plane, name)));
  await defined((...words) => run(['--control-plane', plane.grpc, ...words]));
});

after(async () => {
  await chrome?.close();
  await Promise.all(nodes?.map((one) => one.end()) ?? []);
  await plane?.end();
});

const defined = async (cli) => {
  await cli('group', 'create', 'shop');
  await cli('api', 'create', 'orders', '--group', 'shop', '--method', 'GET', '--path', '/orders', '--backend', 'http://127.0.0.1:9');
  await cli('api', 'publish', 'shop/orders', '--env', 'RELEASE');
};

test('a change is live on n of m nodes until all sign with it', async () => {
  await run(['--control-plane', plane.grpc, 'key', 'create', 'partners', '--type', 'hmac']);
  const page = await open(chrome, plane, { path: '/keys' });
  await page.getByRole('link', { name: 'partners' }).click();
  await page.getByRole('button', { name: 'Select API' }).click();
  await page.getByRole('checkbox', { name: 'Choose orders' }).check();
  // A node that is held takes nothing, and is not silent yet.
  nodes[2].hold();
  try {
    await page.getByRole('button', { name: 'OK', exact: true }).click();
    await page.locator('.deed').getByText('live on 2 of 3 nodes').waitFor();
  } finally {
    nodes[2].goOn();
  }
  await page.locator('.deed').getByText('live on 3 of 3 nodes').waitFor();
  const deed = page.locator('.deed', { hasText: 'partners is bound to orders.' });
  await deed.getByRole('button', { name: 'CLI and curl' }).click();
  const copied = async (name) => {
    await deed.getByRole('button', { name: `Copy: ${name}` }).click();
    await deed.getByRole('button', { name: `Copy: ${name}` }).getByText('Copied').waitFor({ state: 'attached' });
    return page.evaluate(() => navigator.clipboard.readText());
  };
  assert.equal(await copied('CLI'), 'countersign bind partners --api shop/orders --env RELEASE');
  assert.match(await copied('curl'), /^curl -s -H 'content-type: application\/grpc-web-text' --data \S+ http\S+\/countersign\.v1\.Bindings\/CreateBinding$/);
  assert.deepEqual(page.wrong, []);
  await page.context().close();
});

test('times are local, and in UTC for whoever points at them', async () => {
  const page = await open(chrome, plane, { path: '/audit', timezone: 'Asia/Kathmandu' });
  const time = page.locator('.log-line time').first();
  const utc = new Date(await time.getAttribute('datetime'));
  const local = new Intl.DateTimeFormat('en-US', { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'Asia/Kathmandu' }).format(utc);
  assert.equal((await time.innerText()).replace(/\s/g, ' '), local.replace(/\s/g, ' '));
  assert.equal(await time.getAttribute('title'), `${utc.toISOString().slice(0, 19).replace('T', ' ')} UTC`);
  await page.context().close();
});

test('from the login to the first binding it is eight clicks, with the line for a shell beside each step', async () => {
  const safe = await secured();
  try {
    await defined(safe.cli);
    const { bearer } = await safe.operator('first', 'admin');
    const page = await open(chrome, safe);
    let clicks = 0;
    const click = async (target) => {
      clicks += 1;
      await target.click();
    };
    const button = (name) => page.getByRole('button', { name, exact: true });
    const line = () => page.getByRole('dialog').locator('.command code').innerText();
    await page.getByLabel('Token').fill(bearer);
    await click(button('Log in'));
    await click(page.getByRole('link', { name: 'Signature Keys', exact: true }));
    await click(button('Create Signature Key').first());
    await page.getByRole('dialog').getByLabel('Name').fill('partners');
    assert.equal(await line(), 'countersign key create partners --type hmac');
    await click(button('OK'));
    // The secret that was made up is shown this once, and from there it goes on.
    await page.getByRole('heading', { name: 'Keep this secret now' }).waitFor();
    await click(button('Bind to API'));
    await click(button('Select API'));
    await click(page.getByRole('checkbox', { name: 'Choose orders' }));
    assert.equal(await line(), 'countersign bind partners --api shop/orders --env RELEASE');
    await click(button('OK'));
    await page.getByText('partners is bound to orders.').waitFor();
    console.log(`from the login to the first binding: ${clicks} clicks`);
    assert.ok(clicks <= 8, `${clicks} clicks`);
    await page.context().close();
  } finally {
    await safe.end();
  }
});
