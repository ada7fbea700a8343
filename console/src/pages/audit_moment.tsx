// What was there, published and bound at a moment, by a slider over all revisions.
import { useState } from 'preact/hooks';
import type { Resource, StateHead } from '../gen/countersign/v1/audit_pb';
import { head } from '../live';
import { useLoad, useRested } from '../load';
import { audit } from '../rpc';
import { t } from '../texts';
import { IconButton, Time, Wrong } from '../ui/basics';
import { Skeleton } from '../ui/table';
import { nameOf } from './audit_resource';

const KINDS = ['signatureKey', 'binding', 'publication', 'api', 'apiGroup', 'environment'];
/** So many of a kind are listed. */
const SHOWN = 100;

export function Moment() {
  const [moved, setMoved] = useState<string>();
  const newest = head.value;
  const at = moved ?? String(newest);
  const rested = useRested(at, 120);
  const state = useLoad(async (signal) => {
    let top: StateHead | undefined;
    const resources: Resource[] = [];
    for await (const part of audit.getState({ at: { case: 'revision', value: BigInt(rested || 1) } }, { signal })) {
      top ??= part.head;
      resources.push(...part.resources);
    }
    return { head: top, resources };
  }, [rested]);
  const step = (by: bigint) => setMoved(String(clamp(BigInt(at) + by, newest)));
  return (
    <>
      <p class="lead spaced">{t.audit.momentLead}</p>
      <div class="card slider">
        <IconButton icon="left" label={t.audit.back} onClick={() => step(-1n)} />
        <input type="range" min="1" max={String(newest)} value={at} aria-label={t.audit.moment} aria-valuetext={t.audit.at(BigInt(at))} onInput={(event) => setMoved(event.currentTarget.value)} />
        <IconButton icon="right" label={t.audit.forward} onClick={() => step(1n)} />
        <span class="slider-at"><strong>{t.audit.at(BigInt(at))}</strong> {BigInt(at) === newest && <span class="muted">({t.audit.now})</span>}<br /><span class="muted small"><Time at={state.data?.head?.time} /></span></span>
      </div>
      {state.failure && <Wrong failure={state.failure} onRetry={state.reload} />}
      {!state.data && state.loading && <Skeleton />}
      {state.data && (
        <div class="kinds">
          {KINDS.map((kind) => {
            const all = state.data!.resources.filter((resource) => resource.kind.case === kind);
            return (
              <section key={kind} class="card" aria-label={t.audit.kinds[kind]}>
                <h2>{t.audit.kinds[kind]} <span class="count">{all.length.toLocaleString('en')}</span></h2>
                {all.length === 0 ? <p class="muted">{t.common.none}</p> : <ul class="name-list">{all.slice(0, SHOWN).map((resource, index) => <li key={index}>{nameOf(resource)}</li>)}{all.length > SHOWN && <li class="muted">{t.overview.more(all.length - SHOWN)}</li>}</ul>}
              </section>
            );
          })}
        </div>
      )}
    </>
  );
}

function clamp(revision: bigint, newest: bigint): bigint {
  return revision < 1n ? 1n : revision > newest ? newest : revision;
}
