// The checkpoint, and that the log goes on from an older one.
import { useState } from 'preact/hooks';
import { useLoad } from '../load';
import { goesOn, parseCheckpoint } from '../merkle';
import { audit } from '../rpc';
import { t } from '../texts';
import { Button, Command, Copy, Field, Note, Wrong } from '../ui/basics';
import { Icon } from '../ui/icons';
import { useCall } from './key_change';

export function Proof() {
  const newest = useLoad((signal) => audit.getCheckpoint({}, { signal }), []);
  const [note, setNote] = useState('');
  const [verdict, setVerdict] = useState<{ good: boolean; text: string }>();
  const { busy, failure, run } = useCall(async () => {
    setVerdict(undefined);
    const old = parseCheckpoint(note);
    if (!old) return setVerdict({ good: false, text: t.audit.unreadable });
    const proof = await audit.getConsistencyProof({ oldRevision: old.size });
    const now = parseCheckpoint(proof.checkpoint);
    const good = now !== undefined && now.origin === old.origin && (await goesOn(old, now, proof.hashes));
    setVerdict({ good, text: good ? t.audit.good(old.size) : t.audit.badRoot });
  });
  return (
    <>
      <p class="lead spaced">{t.audit.proofLead}</p>
      {newest.failure && <Wrong failure={newest.failure} onRetry={newest.reload} />}
      <div class="halves">
        <section class="card" aria-labelledby="newest">
          <div class="title-line"><h2 id="newest">{t.audit.checkpoint}</h2>{newest.data && <Copy text={newest.data.checkpoint} label={t.common.copyThe(t.audit.checkpoint)} small />}</div>
          <pre class="block" tabIndex={0}>{newest.data?.checkpoint ?? '…'}</pre>
          <p class="muted small">{t.audit.publicKey}: <code>{newest.data?.publicKey}</code></p>
        </section>
        <section class="card" aria-label={t.audit.old}>
          <form onSubmit={(event) => { event.preventDefault(); void run(); }}>
            <Field label={t.audit.old} hint={t.audit.oldHint}>{(ids) => <textarea {...ids} class="mono" rows={6} spellcheck={false} value={note} onInput={(event) => setNote(event.currentTarget.value)} />}</Field>
            <Button kind="primary" type="submit" busy={busy} disabled={!note.trim()}>{t.audit.check}</Button>
            {failure && <Wrong failure={failure} />}
            {verdict && (verdict.good ? <div class="alert good" role="status"><Icon name="check" /><div>{verdict.text}</div></div> : <Note kind="warn"><p role="alert">{verdict.text}</p></Note>)}
          </form>
        </section>
      </div>
      <p class="muted spaced">{t.audit.offlineHint}</p>
      <Command label={t.done.cli} text="countersign audit verify" />
    </>
  );
}
