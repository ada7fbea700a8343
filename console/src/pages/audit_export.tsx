// The export of all changes that the filters let through: how far it is, and a way to end it.
import { useEffect, useRef, useState } from 'preact/hooks';
import { exported, type Filters, type Form, type Progress } from '../export';
import { asFailure, type Failure, isStopped } from '../failure';
import { t } from '../texts';
import { Button, Wrong } from '../ui/basics';

/** Some browsers look at the address after the click only. */
const KEPT_MS = 60_000;

export function Export({ filters, disabled }: { filters: Filters; disabled: boolean }) {
  const [progress, setProgress] = useState<Progress>();
  const [failure, setFailure] = useState<Failure>();
  const [count, setCount] = useState<number>();
  const stop = useRef<AbortController>(undefined);
  useEffect(() => () => stop.current?.abort(), []);
  const start = async (form: Form) => {
    stop.current = new AbortController();
    setFailure(undefined);
    setCount(undefined);
    setProgress({ count: 0, part: 0 });
    let read = 0;
    try {
      const file = await exported(filters, form, stop.current.signal, (now) => {
        read = now.count;
        setProgress(now);
      });
      save(file);
      setCount(read);
    } catch (error) {
      if (!isStopped(error)) setFailure(asFailure(error));
    }
    setProgress(undefined);
  };
  return (
    <div class="export">
      {progress ? (
        <>
          <progress value={progress.part} aria-label={t.audit.exporting(progress.count)} />
          <span class="muted" role="status">{t.audit.exporting(progress.count)}</span>
          <Button kind="quiet" onClick={() => stop.current?.abort()}>{t.common.cancel}</Button>
        </>
      ) : (
        <>
          <span class="muted" role="status">{count === undefined ? t.audit.exportAll : t.audit.exported(count)}</span>
          <Button disabled={disabled} onClick={() => start('jsonl')}>{t.audit.exportLines}</Button>
          <Button disabled={disabled} onClick={() => start('csv')}>{t.audit.exportCsv}</Button>
        </>
      )}
      {failure && <Wrong failure={failure} />}
    </div>
  );
}

function save(file: File): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}
