// Overview: how much there is, what is not signed, what was changed last.
import { MatchMode } from '../gen/countersign/v1/api_pb';
import type { Event } from '../gen/countersign/v1/event_pb';
import { head, load, nodes, signing } from '../live';
import { useLoad } from '../load';
import { Link, go } from '../router';
import { apis, audit, events, keys } from '../rpc';
import { named } from './audit_resource';
import { may, placeOf, type Right } from '../session';
import { t } from '../texts';
import { Button, Note, PageHead, Spread, Wrong, rate } from '../ui/basics';
import { Icon } from '../ui/icons';
import { Route } from '../ui/route';
import { Skeleton } from '../ui/table';
import { EventLine } from '../ui/event';

const SHOWN = 6;

export function OverviewPage() {
  const counts = useLoad(async (signal) => {
    const count = { pageSize: 1, count: true } as const;
    const [allKeys, all, signed, unsigned, recent] = await Promise.all([
      keys.listSignatureKeys(count, { signal }), apis.listApis(count, { signal }), apis.listPublications({ ...count, bound: true }, { signal }),
      apis.listPublications({ pageSize: SHOWN, count: true, bound: false }, { signal }), may('audit') ? events.listEvents({ pageSize: SHOWN, descending: true }, { signal }) : undefined,
    ]);
    return { keys: Number(allKeys.totalSize), apis: Number(all.totalSize), signed: Number(signed.totalSize), unsigned: Number(unsigned.totalSize), open: unsigned.publications, recent: recent?.events ?? [], names: await namesOf(recent?.events ?? [], signal) };
  }, []);
  const shown = counts.data;
  const all = [...nodes.value.values()].filter((node) => !node.relay);
  const live = signing.value.length;
  const now = load();
  return (
    <>
      <PageHead title={t.overview.title} />
      {counts.failure && <Wrong failure={counts.failure} onRetry={counts.reload} />}
      {!shown && counts.loading && <Skeleton />}
      {shown && (
        <>
          {shown.unsigned > 0 && <Note kind="warn"><p>{t.overview.warnUnsigned(shown.unsigned)}</p></Note>}
          {all.length > 0 && live === 0 && <Note kind="warn"><p>{t.overview.warnNoNode}</p></Note>}
          <ul class="tiles">
            <Tile to="/keys" title={t.overview.keys} value={shown.keys} note={t.overview.keysHint} />
            <Tile to="/apis" title={t.overview.apis} value={shown.apis} note={t.overview.publishedHint} second={shown.signed + shown.unsigned} />
            <Tile to="/keys" title={t.overview.signed} value={shown.signed} note={t.overview.signedHint} kind="good" />
            <Tile to="/apis" title={t.overview.unsigned} value={shown.unsigned} note={t.overview.unsignedHint} kind={shown.unsigned ? 'warn' : undefined} />
            <Tile to="/nodes" title={t.overview.nodes} value={live} note={t.overview.nodesHint(all.length - live)} kind={all.length > live || live === 0 ? 'warn' : undefined} />
            <Tile to="/nodes" title={t.overview.requests} value={now && rate(now.requests)} note={now ? t.overview.rateHint(now.told) : t.overview.rateNone} />
            <Tile to="/nodes" title={t.overview.signatures} value={now && rate(now.signatures)} note={now ? t.overview.rateHint(now.told) : t.overview.rateNone} />
            <li class="tile"><span class="tile-title">{t.overview.propagation}</span><span class="tile-value small">{t.app.revision(head.value)}</span><Spread revision={head.value} /></li>
          </ul>
          {(shown.keys === 0 || shown.signed === 0) && <Steps keys={shown.keys} published={shown.signed + shown.unsigned} signed={shown.signed} />}
          <div class="halves">
            {may('audit') && <section class="card flush" aria-labelledby="recent">
              <div class="section-head"><h2 id="recent">{t.overview.recent}</h2><span class="push" /><Link to="/audit">{t.overview.allChanges}</Link></div>
              <ul class="events">{shown.recent.map((event) => <li key={String(event.revision)}><EventLine event={event} name={shown.names.get(event.revision)} /></li>)}</ul>
            </section>}
            {shown.open.length > 0 && (
              <section class="card flush" aria-labelledby="unsigned">
                <div class="section-head"><h2 id="unsigned">{t.overview.unsignedTitle} <span class="count">{shown.unsigned.toLocaleString('en')}</span></h2></div>
                <ul class="events">
                  {shown.open.map((row) => <li key={row.api + row.environment} class="open-api"><Link to={`/apis/${row.api}`} class="strong">{row.apiName}</Link><span class="muted">{row.environmentName}</span><Route definition={row.definition ?? { method: 0, path: '', matchMode: MatchMode.NORMAL }} />{may('operate', placeOf(row)) && <><span class="push" /><Link to="/keys">{t.overview.bind}</Link></>}</li>)}
                  {shown.unsigned > shown.open.length && <li class="muted">{t.overview.more(shown.unsigned - shown.open.length)}</li>}
                </ul>
              </section>
            )}
          </div>
        </>
      )}
    </>
  );
}

/** What the events concern, by name. */
async function namesOf(recent: Event[], signal: AbortSignal): Promise<Map<bigint, string>> {
  const names = new Map<bigint, string>();
  if (recent.length === 0) return names;
  const range = { revisionFrom: recent[recent.length - 1]!.revision, revisionTo: recent[0]!.revision };
  for await (const change of audit.listChanges(range, { signal })) names.set(change.event!.revision, named(change.differences[0]));
  return names;
}

function Tile({ to, title, value, second, note, kind }: { to: string; title: string; value: number | string | undefined; second?: number; note: string; kind?: string }) {
  return (
    <li class={`tile ${kind ?? ''}`}>
      <Link to={to} class="tile-title">{title}</Link>
      <span class="tile-value">{value?.toLocaleString('en') ?? '–'}</span>
      <span class="muted small">{second !== undefined && `${second.toLocaleString('en')} `}{note}</span>
    </li>
  );
}

function Steps({ keys, published, signed }: { keys: number; published: number; signed: number }) {
  const steps: { done: boolean; title: string; hint: string; to: string; needs: Right }[] = [
    { done: keys > 0, title: t.overview.stepKey, hint: t.overview.stepKeyHint, to: '/keys', needs: 'keys' },
    { done: published > 0, title: t.overview.stepApi, hint: t.overview.stepApiHint, to: '/apis', needs: 'operate' },
    { done: signed > 0, title: t.overview.stepBind, hint: t.overview.stepBindHint, to: '/keys', needs: 'operate' },
  ];
  const next = steps.findIndex((step) => !step.done);
  return (
    <section class="card steps" aria-labelledby="steps">
      <h2 id="steps">{t.overview.steps}</h2>
      <ol>
        {steps.map((step, at) => (
          <li key={step.title} class={step.done ? 'is-done' : ''}>
            <span class="step-mark">{step.done ? <Icon name="check" size={16} /> : at + 1}</span>
            <span><strong>{step.title}</strong><br /><span class="muted">{step.hint}</span></span>
            {at === next && may(step.needs) && <Button kind="primary" onClick={() => go(step.to)}>{step.title}</Button>}
          </li>
        ))}
      </ol>
    </section>
  );
}
