// The checkpoint: that it is signed, and that the log goes on from an older one.
import { useEffect, useState } from 'preact/hooks';
import { useLoad } from '../load';
import { goesOn, parseCheckpoint } from '../merkle';
import { type Verdict, verifyNote } from '../note';
import { audit } from '../rpc';
import { t } from '../texts';
import { Button, Command, Copy, Field, Note, TextInput, Wrong } from '../ui/basics';
import { Icon } from '../ui/icons';
import { useCall } from './key_change';

export function Proof() {
  const newest = useLoad((signal) => audit.getCheckpoint({}, { signal }), []);
  const [kept, setKept] = useState('');
  const [signed, setSigned] = useState<Verdict>();
  const [note, setNote] = useState('');
  const [verdict, setVerdict] = useState<{ good: boolean; text: string }>();
  const told = newest.data;
  const publicKey = kept.trim() || told?.publicKey || '';
  useEffect(() => {
    let isLatest = true;
    if (told) void verifyNote(told.checkpoint, publicKey).then((found) => isLatest && setSigned(found));
    return () => {
      isLatest = false;
    };
  }, [told?.checkpoint, publicKey]);
  const { busy, failure, run } = useCall(async () => {
    setVerdict(undefined);
    const old = parseCheckpoint(note);
    if (!old) return setVerdict({ good: false, text: t.audit.unreadable });
    const signature = await verifyNote(note, publicKey);
    if (signature !== 'good' && signature !== 'cannot') return setVerdict({ good: false, text: t.audit.signatures[signature] });
    const proof = await audit.getConsistencyProof({ oldRevision: old.size });
    const now = parseCheckpoint(proof.checkpoint);
    const good = now !== undefined && now.origin === old.origin && (await goesOn(old, now, proof.hashes));
    setVerdict({ good, text: good ? `${t.audit.good(old.size)}${signature === 'cannot' ? ` ${t.audit.signatures.cannot}` : ''}` : t.audit.badRoot });
  });
  return (
    <>
      <p class="lead spaced">{t.audit.proofLead}</p>
      {newest.failure && <Wrong failure={newest.failure} onRetry={newest.reload} />}
      <div class="halves">
        <section class="card stack" aria-labelledby="newest">
          <div class="title-line"><h2 id="newest">{t.audit.checkpoint}</h2>{told && <Copy text={told.checkpoint} label={t.common.copyThe(t.audit.checkpoint)} small />}</div>
          <pre class="block" tabIndex={0}>{told?.checkpoint ?? '…'}</pre>
          {signed === 'good' && <div class="alert good" role="status"><Icon name="check" /><div>{kept.trim() ? t.audit.signedByKept : t.audit.signatures.good}</div></div>}
          {signed && signed !== 'good' && <Note kind="warn"><p role="alert">{t.audit.signatures[signed]}</p></Note>}
          <p class="muted small">{t.audit.publicKey}: <code class="anywhere">{told?.publicKey}</code></p>
          <Field label={t.audit.keptKey} optional hint={t.audit.keptKeyHint}>{(ids) => <TextInput {...ids} class="mono" value={kept} onText={setKept} />}</Field>
        </section>
        <section class="card stack" aria-labelledby="older">
          <h2 id="older">{t.audit.old}</h2>
          <form onSubmit={(event) => { event.preventDefault(); void run(); }}>
            <Field label={t.audit.keptNote} hint={t.audit.oldHint}>{(ids) => <textarea {...ids} class="mono" rows={6} spellcheck={false} value={note} onInput={(event) => setNote(event.currentTarget.value)} />}</Field>
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
