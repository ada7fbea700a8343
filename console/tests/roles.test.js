// Who logs in sees what its role allows, and no more; the control plane refuses the rest anyway.
// A token that ends while the page is open ends the login, and so does a quarter of an hour of nothing.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axe, browser, logIn as enter, open, secured } from './support.js';

let chrome;
let plane;
/** A page whose token is good for a minute, while the others are tried. */
let brief;

before(async () => {
  [chrome, plane] = await Promise.all([browser(), secured()]);
  await plane.cli('group', 'create', 'shop');
  await plane.cli('api', 'create', 'orders', '--group', 'shop', '--method', 'GET', '--path', '/orders', '--backend', 'http://127.0.0.1:9');
  await plane.cli('api', 'publish', 'shop/orders', '--env', 'RELEASE');
  await plane.cli('key', 'create', 'partners', '--type', 'hmac');
  const { bearer } = await plane.operator('brief', 'viewer', '60s');
  brief = { bearer, page: await logIn(bearer) };
  await brief.page.getByText('Live').first().waitFor();
});

after(async () => {
  await chrome?.close();
  await plane?.end();
});

const logIn = (bearer, path) => enter(chrome, plane, bearer, path);
let entries = 0;
const entered = async (role, path) => {
  const { bearer } = await plane.operator(`somebody-${++entries}`, role);
  const page = await logIn(bearer, path);
  await page.locator('.who').getByText(role, { exact: true }).waitFor();
  return { page, bearer };
};
const offered = (page, name) => page.getByRole('button', { name });
const toKey = async (page) => {
  await page.getByRole('link', { name: 'partners', exact: true }).click();
  await page.getByRole('heading', { name: 'partners', exact: true }).waitFor();
  await page.getByText(/Bound APIs/).first().waitFor();
};
/** What the control plane answers to the call itself, whatever the page offers. */
const PERMISSION_DENIED = '7';
const status = (page, bearer, call) => page.evaluate(async ([path, authorization]) => {
  const headers = { 'content-type': 'application/grpc-web+proto', authorization };
  return (await fetch(path, { method: 'POST', headers, body: new Uint8Array(5) })).headers.get('grpc-status');
}, [`/countersign.v1.${call}`, `Bearer ${bearer}`]);
const none = async (page, ...names) => {
  for (const name of names) assert.equal(await offered(page, name).count(), 0, String(name));
};

test('a viewer sees, and is offered no change on any page', async () => {
  const { page, bearer } = await entered('viewer');
  await page.getByRole('link', { name: 'partners', exact: true }).waitFor();
  const changes = [/^Create /, /^Bind to API/, /^Select API/, /^Unbind/, /^Delete/, /^Rename/, /^Replace/, /^Edit/, /^Publish/, /^Take offline/];
  await none(page, ...changes);
  await toKey(page);
  await none(page, ...changes);
  for (const [path, shown] of [['APIs', 'orders'], ['API Groups', 'shop'], ['Environments', 'RELEASE']]) {
    await page.getByRole('link', { name: path, exact: true }).click();
    await page.getByText(shown, { exact: true }).first().waitFor();
    await none(page, ...changes);
  }
  await page.getByRole('link', { name: 'Overview', exact: true }).click();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await none(page, ...changes);
  assert.equal(await page.getByRole('link', { name: 'Audit' }).count(), 0);
  for (const call of ['SignatureKeys/CreateSignatureKey', 'Bindings/CreateBinding', 'Events/ListEvents']) assert.equal(await status(page, bearer, call), PERMISSION_DENIED, call);
  assert.deepEqual(page.wrong, []);
  await page.context().close();
});

test('an operator binds, and is not offered to create a key', async () => {
  const { page, bearer } = await entered('operator');
  await page.getByRole('button', { name: 'Bind to API: partners' }).waitFor();
  await none(page, /^Create Signature Key/);
  await toKey(page);
  await none(page, /^Rename/, /^Replace Secret/, /^Delete/);
  await page.getByRole('button', { name: 'Select API' }).click();
  await page.getByRole('checkbox', { name: 'Choose orders' }).check();
  await page.getByRole('button', { name: 'OK' }).click();
  await page.getByRole('button', { name: 'Unbind: orders' }).waitFor();
  assert.equal(await status(page, bearer, 'SignatureKeys/DeleteSignatureKey'), PERMISSION_DENIED);
  await page.context().close();
});

test('who operates in one environment and for one group is offered that, and nothing elsewhere', async () => {
  await plane.cli('env', 'create', 'STAGING');
  await plane.cli('group', 'create', 'back');
  await plane.cli('api', 'create', 'ledger', '--group', 'back', '--method', 'GET', '--path', '/ledger', '--backend', 'http://127.0.0.1:9');
  for (const api of ['shop/orders', 'back/ledger']) await plane.cli('api', 'publish', api, '--env', 'STAGING');
  await plane.cli('operator', 'grant', 'scoped', '--role', 'operator', '--env', 'STAGING', '--group', 'shop');
  const { bearer } = await plane.token('scoped');
  const page = await logIn(bearer);
  await toKey(page);
  await page.getByRole('button', { name: 'Select API' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('checkbox', { name: 'Choose orders' }).check();
  assert.deepEqual(await dialog.getByLabel('Environment').locator('option').allInnerTexts(), ['STAGING']);
  assert.ok(await dialog.getByRole('checkbox', { name: 'Choose ledger' }).isDisabled());
  await dialog.getByRole('button', { name: 'OK', exact: true }).click();
  await page.getByText('partners is bound to orders.').waitFor();
  await page.getByRole('row', { name: /STAGING/ }).getByRole('button', { name: 'Unbind: orders' }).waitFor();
  await page.getByRole('link', { name: 'APIs', exact: true }).click();
  await page.getByRole('button', { name: 'Publish: orders' }).click();
  await dialog.getByRole('option', { name: 'STAGING' }).waitFor({ state: 'attached' });
  assert.deepEqual(await dialog.getByLabel('Environment').locator('option').allInnerTexts(), ['STAGING']);
  await page.keyboard.press('Escape');
  await none(page, 'Publish: ledger', /^Create /);
  await assert.rejects(plane.as(bearer, 'bind', 'partners', '--api', 'back/ledger', '--env', 'STAGING'), /NOT_PERMITTED|may not|not allowed|right/);
  await page.context().close();
});

test('an admin of one environment is offered neither the log nor roles, and its page stays connected', async () => {
  await plane.cli('operator', 'grant', 'local-admin', '--role', 'admin', '--env', 'RELEASE');
  const { bearer } = await plane.token('local-admin');
  const page = await logIn(bearer, '/environments');
  await page.getByRole('button', { name: 'Edit: RELEASE' }).waitFor();
  await page.getByText('Live').first().waitFor();
  for (const name of ['Audit', 'Access']) assert.equal(await page.getByRole('link', { name }).count(), 0, name);
  await none(page, 'Edit: STAGING', /^Create /);
  await plane.cli('env', 'create', 'LATER');
  await page.getByRole('link', { name: 'LATER' }).waitFor();
  await page.context().close();
});

test('a key-admin creates keys, and is not offered to bind them', async () => {
  const { page, bearer } = await entered('key-admin');
  await page.getByRole('button', { name: 'Create Signature Key' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('made_here');
  await page.getByRole('button', { name: 'OK' }).click();
  await page.getByRole('heading', { name: 'Keep this secret now' }).waitFor();
  await none(page, /^Bind to API/);
  await page.getByRole('button', { name: 'Done' }).click();
  await page.getByRole('link', { name: 'made_here' }).waitFor();
  await none(page, /^Bind to API/);
  assert.equal(await status(page, bearer, 'Access/CreateToken'), PERMISSION_DENIED);
  await page.context().close();
});

test('an auditor sees the audit, and others are told that they may not', async () => {
  const { page } = await entered('auditor', '/audit');
  await page.getByRole('button', { name: /Signature key created/ }).first().waitFor();
  await none(page, /^Create /);
  await page.context().close();
  const { page: other } = await entered('viewer', '/audit');
  await other.getByText('Your role does not allow this page').waitFor();
  assert.deepEqual(await axe(other), []);
  await other.context().close();
});

test('who has no role is told whom to ask', async () => {
  const { bearer } = await plane.token('nobody');
  const page = await logIn(bearer);
  await page.getByText('You have no role yet').waitFor();
  await page.getByText('countersign operator grant nobody --role viewer').waitFor();
  assert.equal(await page.getByRole('navigation').count(), 0);
  assert.deepEqual(await axe(page), []);
  await page.context().close();
});

test('a token that is revoked ends the login of a page that is open, and whoever is next sees nothing of it', async () => {
  const { bearer, id } = await plane.operator('passing', 'admin');
  const page = await logIn(bearer, '/environments');
  await page.getByRole('button', { name: 'Create Environment' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('FLEETING');
  await page.getByRole('button', { name: 'OK' }).click();
  await page.locator('.deed', { hasText: 'FLEETING' }).waitFor();
  await plane.cli('token', 'revoke', id);
  await page.getByText('The token is not accepted any more').waitFor();
  assert.equal(await page.getByText('FLEETING').count(), 0);
  const { bearer: next } = await plane.operator('next', 'viewer');
  await page.getByLabel('Token').fill(next);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText('Live').first().waitFor();
  assert.equal(await page.locator('.deed').count(), 0);
  await page.context().close();
});

test('a role that is taken while its page is open is offered no longer', async () => {
  const { bearer } = await plane.operator('changing', 'key-admin');
  await plane.cli('operator', 'grant', 'changing', '--role', 'auditor');
  const page = await logIn(bearer);
  await page.getByRole('link', { name: 'Audit' }).waitFor();
  await page.getByRole('button', { name: 'Create Signature Key' }).waitFor();
  const grants = JSON.parse(await plane.cli('operator', 'list', 'changing', '-o', 'json'));
  await plane.cli('operator', 'revoke', '--grant', grants.find((grant) => /auditor/i.test(grant.role)).id);
  await page.locator('.who').getByText('key-admin', { exact: true }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'Audit' }).count(), 0);
  await page.getByText('Live').first().waitFor();
  await plane.cli('operator', 'revoke', 'changing');
  await page.getByText('You have no role yet').waitFor();
  await page.context().close();
});

test('a quarter of an hour of nothing ends the login, and what others do is not activity', async () => {
  const { bearer } = await plane.operator('idle', 'viewer');
  const page = await open(chrome, plane, { path: '/keys', clock: true });
  await page.getByLabel('Token').fill(bearer);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText('Live').first().waitFor();
  await page.clock.fastForward('14:00');
  await plane.cli('key', 'create', 'by_another', '--type', 'hmac');
  await page.getByRole('link', { name: 'by_another' }).waitFor();
  await page.clock.fastForward('01:30');
  await page.getByText('nothing was done for 15 minutes').waitFor();
  assert.equal(await page.getByLabel('Token').inputValue(), '');
  await page.context().close();
});

test('a token whose time is over ends the login of a page that is open, and is told from one that is unknown', async () => {
  await brief.page.getByText('The token is not accepted any more').waitFor({ timeout: 75_000 });
  await brief.page.getByLabel('Token').fill(brief.bearer);
  await brief.page.getByRole('button', { name: 'Log in' }).click();
  await brief.page.getByText('This token has expired').waitFor();
  await brief.page.context().close();
});
