// The procedure that the users of API gateways know, word by word, in a browser, against
// `countersign dev`; then that what it made is taken back, refused and replaced as it should.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { backend, browser, dev, open } from './support.js';

const KEY = 'orders-2026';
const SECRET = 'a-secret-of-my-own!2026';

let chrome;
let plane;
let shop;

before(async () => {
  [chrome, plane, shop] = await Promise.all([browser(), dev(), backend(KEY, SECRET)]);
  await plane.cli('group', 'create', 'shop');
  await plane.cli('api', 'create', 'orders', '--group', 'shop', '--method', 'ANY', '--path', '/orders', '--match', 'SWA', '--backend', `http://${shop.address}`);
  await plane.cli('api', 'publish', 'shop/orders', '--env', 'RELEASE');
});

after(async () => {
  await chrome?.close();
  await shop?.end();
  await plane?.end();
});

test('create a signature key, bind it to an API, and a signed request is verified at the backend', async () => {
  const page = await open(chrome, plane);
  let clicks = 0;
  const click = async (target) => {
    clicks += 1;
    await target.click();
  };
  // "In the navigation pane, choose API Publishing > Signature Keys."
  await page.getByText('API Publishing').waitFor();
  await click(page.getByRole('navigation', { name: 'Navigation' }).getByRole('link', { name: 'Signature Keys' }));
  // "Click Create Signature Key."
  await click(page.getByRole('button', { name: 'Create Signature Key' }).first());
  const dialog = page.getByRole('dialog', { name: 'Create Signature Key' });
  // "set the parameters": Name, Type, Key, Secret, Confirm Secret. The backend has this pair.
  await dialog.getByLabel('Name').fill('orders_2026');
  await dialog.getByLabel('Type').selectOption('HMAC');
  await dialog.locator('input.mono').nth(0).fill(KEY);
  await dialog.locator('input.mono').nth(1).fill(SECRET);
  await dialog.locator('input.mono').nth(2).fill('a-secret-of-my-own!2027');
  await dialog.getByText('The two secrets are not the same.').waitFor();
  await dialog.locator('input.mono').nth(2).fill(SECRET);
  assert.match(await dialog.locator('.command code').innerText(), /countersign key create orders_2026 --type hmac --key orders-2026/);
  // "Click OK."
  await click(dialog.getByRole('button', { name: 'OK' }));
  await page.getByRole('heading', { name: 'orders_2026' }).waitFor();
  // "In the Operation column of the signature key … click Bind to API."
  await click(page.getByRole('navigation', { name: 'Navigation' }).getByRole('link', { name: 'Signature Keys' }));
  await click(page.getByRole('row', { name: /orders_2026/ }).getByRole('button', { name: /Bind to API/ }));
  // "Click Select API."
  await click(page.getByRole('button', { name: 'Select API' }));
  const select = page.getByRole('dialog', { name: 'Select API' });
  // "Specify an API group, environment, and API name keyword to search for the desired API."
  await select.getByLabel('API group').selectOption('shop');
  await select.getByLabel('Environment').selectOption('RELEASE');
  await select.getByRole('searchbox', { name: 'API name' }).fill('ord');
  // "Select the API and click OK."
  await click(select.getByRole('checkbox', { name: 'Choose orders' }));
  assert.match(await select.locator('.command code').innerText(), /countersign bind orders_2026 --api shop\/orders --env RELEASE/);
  await click(select.getByRole('button', { name: 'OK' }));
  await page.getByText('live on 1 of 1 node').waitFor();
  await page.getByRole('row', { name: /orders/ }).getByText('signs').waitFor();
  assert.ok(clicks <= 8, `${clicks} clicks`);

  // "check whether the two signatures are consistent"
  const signed = await fetch(`${plane.proxy}/orders/7?b=2&a=1`);
  const told = await signed.text();
  assert.equal(signed.status, 200, told);
  assert.match(told, /SDK-HMAC-SHA256 Access=orders-2026, SignedHeaders=[a-z0-9;-]+, Signature=[0-9a-f]{64}/);
  assert.deepEqual(page.wrong, []);
});
