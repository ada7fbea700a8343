// What the pages of groups, environments and APIs share: a form that notices that somebody else has
// changed what it shows, and the dialog that deletes.
import { useState } from 'preact/hooks';
import { asFailure, type Failure } from '../failure';
import { t } from '../texts';
import { Button, Command, Note, Wrong } from '../ui/basics';
import { Dialog } from '../ui/dialog';

const TRIES_MAX = 3;

/** Writes only if what was edited is still what is there; tells what is there if it is not. */
export async function writeUnlessChanged<T extends { updateRevision: bigint }>(
  edited: T | undefined,
  read: () => Promise<{ now: T | undefined; revision: bigint }>,
  write: (expectedRevision: bigint | undefined) => Promise<void>,
): Promise<T | undefined> {
  if (!edited) {
    await write(undefined);
    return undefined;
  }
  for (let at = 1; ; at++) {
    const { now, revision } = await read();
    if (now && now.updateRevision !== edited.updateRevision) return now;
    try {
      await write(revision);
      return undefined;
    } catch (error) {
      // Something else in the log has changed: look again whether it was this.
      if (asFailure(error).reason !== 'REVISION_MISMATCH' || at === TRIES_MAX) throw error;
    }
  }
}

export function StaleNote({ onLoad, onKeep }: { onLoad: () => void; onKeep: () => void }) {
  return (
    <div class="alert warn" role="alert">
      <div>
        <p><strong>{t.stale.title}.</strong> {t.stale.lead}</p>
        <p class="alert-actions"><Button onClick={onLoad}>{t.stale.load}</Button> <Button kind="quiet" onClick={onKeep}>{t.stale.keep}</Button></p>
      </div>
    </div>
  );
}

export function DeleteDialog(props: { title: string; lead: string; line: string; warn?: boolean; onDelete: () => Promise<void>; onClose: () => void }) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure>();
  const run = async () => {
    setBusy(true);
    try {
      await props.onDelete();
      props.onClose();
    } catch (error) {
      setFailure(asFailure(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={props.title} size="small" onClose={props.onClose} onSubmit={run} footer={<><Button onClick={props.onClose}>{t.common.cancel}</Button><Button kind="danger" type="submit" busy={busy}>{t.common.delete}</Button></>}>
      {failure && <Wrong failure={failure} />}
      {props.warn ? <Note kind="warn"><p>{props.lead}</p></Note> : <p>{props.lead}</p>}
      <Command label={t.bind.cliLabel} text={props.line} />
    </Dialog>
  );
}
