// Over TLS a browser is asked for no certificate, and its user for a token.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axe, browser, open, secured } from './support.js';

let chrome;
let plane;

before(async () => {
  [chrome, plane] = await Promise.all([browser(), secured()]);
});

after(async () => {
  await chrome?.close();
  await plane?.end();
});

for (const theme of ['light', 'dark']) {
  test(`who shows no token sees the login alone, ${theme}`, async () => {
    const page = await open(chrome, plane, { theme, path: '/keys' });
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
    assert.equal(await page.getByRole('navigation').count(), 0);
    if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/login-${theme}.png` });
    assert.deepEqual(await axe(page), []);
    await page.getByLabel('Token').fill('cst_not_a_token_at_all');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('This token is not known.').waitFor();
    const stored = await page.evaluate(() => JSON.stringify([localStorage, sessionStorage, document.cookie]));
    assert.ok(!stored.includes('cst_'), stored);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });
}
