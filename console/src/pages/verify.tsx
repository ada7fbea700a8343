// Verify: a captured request, taken apart with the secret that the control plane keeps.
import { useState } from 'preact/hooks';
import { parseCapture } from '../capture';
import type { ExplainRequestResponse } from '../gen/countersign/v1/verification_pb';
import type { SignatureKey } from '../gen/countersign/v1/signature_key_pb';
import { useLoad } from '../load';
import { keys, verification } from '../rpc';
import { t } from '../texts';
import { Button, Empty, Field, PageHead, Select, TextInput, Wrong } from '../ui/basics';
import { Diff } from '../ui/diff';
import { Icon } from '../ui/icons';
import { useCall } from './key_change';

/** So many keys can be chosen from by name, and so many pages are searched for the one of a request. */
const KEYS_MAX = 1000;
const PAGES_MAX = 20;
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

export function VerifyPage() {
  const [request, setRequest] = useState('');
  const [chosen, setChosen] = useState('');
  const [hosts, setHosts] = useState('');
  const [theirs, setTheirs] = useState('');
  const [wrong, setWrong] = useState<{ request?: string; key?: string }>({});
  const [told, setTold] = useState<ExplainRequestResponse>();
  const choices = useLoad((signal) => keys.listSignatureKeys({ pageSize: KEYS_MAX, orderBy: 'name' }, { signal }), []);
  const { busy, failure, run } = useCall(async () => {
    setTold(undefined);
    setWrong({});
    const captured = parseCapture(request);
    if (!captured) return setWrong({ request: t.verify.noRequest });
    let signatureKey = chosen;
    if (!signatureKey) {
      if (!captured.key) return setWrong({ key: t.verify.noKey });
      signatureKey = (await findKey(captured.key))?.id ?? '';
      if (!signatureKey) return setWrong({ key: t.verify.unknownKey(captured.key) });
    }
    const { method, target, headers, body } = captured;
    setTold(await verification.explainRequest({ signatureKey, method, target, headers, body, otherHosts: hosts.split(/[\s,]+/).filter(Boolean) }));
  });
  return (
    <>
      <PageHead title={t.verify.title} lead={t.verify.lead} />
      <div class="halves wide-left">
        <form class="card stack" onSubmit={(event) => { event.preventDefault(); void run(); }}>
          <Field label={t.verify.request} hint={t.verify.requestHint} error={wrong.request}>{(ids) => <textarea {...ids} class="mono" rows={11} spellcheck={false} value={request} onInput={(event) => setRequest(event.currentTarget.value)} placeholder={'GET /orders?b=2 HTTP/1.1\nHost: shop.internal\nX-Sdk-Date: 20261123T120000Z\nAuthorization: SDK-HMAC-SHA256 Access=…, SignedHeaders=…, Signature=…'} />}</Field>
          <Field label={t.verify.key} error={wrong.key}>{(ids) => <Select {...ids} value={chosen} onPick={setChosen} options={[['', t.verify.keyAuto], ...(choices.data?.signatureKeys ?? []).map((key): [string, string] => [key.id, key.name])]} />}</Field>
          <Field label={t.verify.hosts} optional hint={t.verify.hostsHint}>{(ids) => <TextInput {...ids} class="mono" value={hosts} onText={setHosts} />}</Field>
          <Field label={t.verify.theirs} optional hint={t.verify.theirsHint}>{(ids) => <textarea {...ids} class="mono" rows={4} spellcheck={false} value={theirs} onInput={(event) => setTheirs(event.currentTarget.value)} />}</Field>
          <div><Button kind="primary" type="submit" busy={busy} disabled={!request.trim()}>{t.verify.explain}</Button></div>
        </form>
        <section class="stack" aria-live="polite" aria-label={t.verify.explain}>
          {failure && <Wrong failure={failure} />}
          {!told && !failure && <Empty icon="verify" title={t.verify.empty}>{t.verify.emptyHint}</Empty>}
          {told && <Told told={told} theirs={theirs} />}
        </section>
      </div>
    </>
  );
}

function Told({ told, theirs }: { told: ExplainRequestResponse; theirs: string }) {
  const right = text(told.canonicalRequest);
  const mistaken = text(told.mistakenRequest);
  return (
    <>
      {told.fits
        ? <div class="alert good" role="status"><Icon name="check" /><div><p class="strong">{t.verify.fits}</p><p>{t.verify.fitsLead}</p></div></div>
        : (
          <div class="alert bad" role="status"><Icon name="warning" /><div>
            <p class="strong">{t.verify.differs}</p>
            {told.causes.length === 0 && <p>{t.verify.unknown}</p>}
            {told.causes.map((cause, at) => <ul key={at} class="causes">{cause.mistakes.map((mistake) => <li key={mistake.code}><p><strong>{t.verify.signer(mistake.what)}</strong> <code>{mistake.code}</code></p><p>{t.verify.remedy}: {mistake.remedy}</p></li>)}</ul>)}
          </div></div>
        )}
      <section class="card stack" aria-labelledby="canonical">
        <h2 id="canonical">{t.verify.canonical}</h2>
        {theirs.trim()
          ? <Diff label={t.verify.canonical} before={theirs.replace(/\r/g, '').replace(/\n$/, '')} after={right} oldTitle={t.verify.backendWrote} newTitle={t.verify.right} />
          : mistaken && mistaken !== right
            ? <Diff label={t.verify.canonical} before={mistaken} after={right} oldTitle={t.verify.wrong} newTitle={t.verify.right} />
            : <pre class="block" tabIndex={0}>{right}</pre>}
        <h2>{t.verify.toSign}</h2>
        <pre class="block" tabIndex={0}>{text(told.stringToSign)}</pre>
      </section>
    </>
  );
}

async function findKey(key: string): Promise<SignatureKey | undefined> {
  let pageToken = '';
  for (let page = 0; page < PAGES_MAX; page++) {
    const reply = await keys.listSignatureKeys({ pageSize: KEYS_MAX, pageToken });
    const found = reply.signatureKeys.find((one) => one.key === key);
    if (found || !reply.nextPageToken) return found;
    pageToken = reply.nextPageToken;
  }
  return undefined;
}
