// What was just done: said, followed until it is everywhere, taken back where that is possible, and
// written as lines for a shell.
import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { asFailure, type Failure } from './failure';
import { seen, spread } from './live';
import { loggedIn } from './session';
import { t } from './texts';
import { Button, Command, IconButton, Spread, Wrong } from './ui/basics';
import { Icon } from './ui/icons';

const LINGER_MS = 9_000;

export interface Deed {
  text: string;
  revision: bigint;
  environment?: string;
  /** Whether nodes have anything to take up. */
  spreads?: boolean;
  cli?: string;
  curl?: string;
  undo?: () => Promise<void>;
}

interface Entry extends Deed {
  id: number;
  failure?: Failure;
}

const entries = signal<Entry[]>([]);
let last = 0;

loggedIn.subscribe((now) => {
  if (!now) entries.value = [];
});

export function done(deed: Deed): void {
  seen(deed.revision);
  entries.value = [...entries.value.slice(-2), { ...deed, id: ++last }];
}

export function failed(text: string, error: unknown): void {
  entries.value = [...entries.value.slice(-2), { text, revision: 0n, failure: asFailure(error), id: ++last }];
}

function dismiss(id: number): void {
  entries.value = entries.value.filter((entry) => entry.id !== id);
}

export function Deeds() {
  return (
    <section class="deeds" aria-label={t.done.title} aria-live="polite">
      {entries.value.map((entry) => <DeedCard key={entry.id} entry={entry} />)}
    </section>
  );
}

function DeedCard({ entry }: { entry: Entry }) {
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [held, setHeld] = useState(false);
  const { live, all } = spread(entry.revision, entry.environment);
  const settled = !entry.failure && (!entry.spreads || all === 0 || live === all);
  useEffect(() => {
    if (!settled || open || held || busy) return;
    const timer = setTimeout(() => dismiss(entry.id), LINGER_MS);
    return () => clearTimeout(timer);
  }, [settled, open, held, busy]);
  const undo = async () => {
    setBusy(true);
    try {
      await entry.undo!();
      dismiss(entry.id);
    } catch (error) {
      dismiss(entry.id);
      failed(t.done.undoFailed, error);
    }
  };
  return (
    <article class={`deed ${entry.failure ? 'bad' : ''}`} onMouseEnter={() => setHeld(true)} onMouseLeave={() => setHeld(false)} onFocusIn={() => setHeld(true)} onFocusOut={() => setHeld(false)}>
      <div class="deed-line">
        {!entry.failure && <span class="deed-check"><Icon name="check" size={16} /></span>}
        <p>{entry.text}</p>
        <IconButton icon="close" label={t.common.dismiss} onClick={() => dismiss(entry.id)} class="small" />
      </div>
      {entry.failure && <Wrong failure={entry.failure} />}
      {!entry.failure && (
        <div class="deed-foot">
          {entry.spreads && <Spread revision={entry.revision} environment={entry.environment} />}
          <span class="push" />
          {(entry.cli || entry.curl) && <Button kind="link" onClick={() => setOpen(!open)}>{open ? t.done.hideLines : t.done.showLines}</Button>}
          {entry.undo && <Button kind="quiet" icon="undo" busy={busy} onClick={undo}>{t.done.undo}</Button>}
        </div>
      )}
      {open && (
        <div class="deed-lines">
          {entry.cli && <Command label={t.done.cli} text={entry.cli} />}
          {entry.curl && <Command label={t.done.curl} text={entry.curl} />}
        </div>
      )}
    </article>
  );
}
