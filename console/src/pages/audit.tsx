// Audit: changes and what they changed, the state at any moment, what was refused, and the proof.
import { useEffect, useState } from 'preact/hooks';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type Difference } from '../gen/countersign/v1/audit_pb';
import { snake } from '../export';
import { useLoad, useRested } from '../load';
import { Link, query } from '../router';
import { audit, events } from '../rpc';
import { t } from '../texts';
import { Badge, Empty, Field, PageHead, Select, TextInput, Time, Wrong } from '../ui/basics';
import { titleOf, subjectOf } from '../ui/event';
import { Pager, Skeleton } from '../ui/table';
import { Differences, named } from './audit_resource';
import { Export } from './audit_export';
import { Moment } from './audit_moment';
import { Proof } from './audit_proof';

const PAGE = 25;
/** So far apart, the changes of a page are read one by one instead. */
const SPAN_MAX = 2_000n;

export function AuditPage() {
  const tab = query.value.get('view') ?? '';
  const tabs: [string, string][] = [['', t.audit.changes], ['moment', t.audit.moment], ['refused', t.audit.refused], ['proof', t.audit.proof]];
  return (
    <>
      <PageHead title={t.audit.title} lead={t.audit.lead} />
      <nav class="tabs" aria-label={t.audit.title}>{tabs.map(([name, title]) => <Link key={name} to={name ? `/audit?view=${name}` : '/audit'} current={tab === name}>{title}</Link>)}</nav>
      {tab === '' && <Changes />}
      {tab === 'moment' && <Moment />}
      {tab === 'refused' && <Refused />}
      {tab === 'proof' && <Proof />}
    </>
  );
}

/** The changes that some filters let through; of one resource, if it is named. */
export function Changes({ resource }: { resource?: string }) {
  const [who, setWho] = useState('');
  const actor = useRested(who);
  const [type, setType] = useState('');
  const [from, setFrom] = useState('');
  const [to, setTo] = useState('');
  const [tokens, setTokens] = useState(['']);
  const [open, setOpen] = useState<bigint>();
  useEffect(() => setTokens(['']), [actor, type, from, to]);
  const pageToken = tokens[tokens.length - 1]!;
  const filters = {
    actor, resource, types: type ? [snake(type)] : [],
    timeFrom: from ? timestampFromDate(new Date(from)) : undefined, timeTo: to ? timestampFromDate(new Date(to)) : undefined,
  };
  const list = useLoad(async (signal) => {
    let reply = await events.listEvents({ ...filters, pageSize: PAGE, pageToken, descending: true }, { signal });
    // What is rare may be far back: a call reads so many events and no more.
    while (reply.events.length === 0 && reply.nextPageToken) reply = await events.listEvents({ ...filters, pageSize: PAGE, pageToken: reply.nextPageToken, descending: true }, { signal });
    const differences = new Map<bigint, Difference[]>();
    const [last, first] = [reply.events[0]?.revision ?? 0n, reply.events[reply.events.length - 1]?.revision ?? 0n];
    if (reply.events.length > 0 && last - first <= SPAN_MAX) {
      for await (const change of audit.listChanges({ revisionFrom: first, revisionTo: last, resource }, { signal })) differences.set(change.event!.revision, change.differences);
    }
    return { events: reply.events, next: reply.nextPageToken, differences };
  }, [pageToken, actor, type, from, to, resource]);
  const rows = list.data?.events ?? [];
  return (
    <>
      {!resource && (
        <div class="filters aligned">
          <Field label={t.audit.actor}>{(ids) => <TextInput {...ids} value={who} onText={setWho} placeholder="ann" />}</Field>
          <Field label={t.audit.type}>{(ids) => <Select {...ids} value={type} onPick={setType} options={[['', t.audit.anyType], ...Object.entries(t.audit.types)]} />}</Field>
          <Field label={t.audit.from}>{(ids) => <input {...ids} type="datetime-local" value={from} onInput={(event) => setFrom(event.currentTarget.value)} />}</Field>
          <Field label={t.audit.to}>{(ids) => <input {...ids} type="datetime-local" value={to} onInput={(event) => setTo(event.currentTarget.value)} />}</Field>
        </div>
      )}
      {!resource && <Export filters={filters} disabled={rows.length === 0} />}
      {list.failure && <Wrong failure={list.failure} onRetry={list.reload} />}
      {!list.data && list.loading && <Skeleton />}
      {list.data && rows.length === 0 && <Empty icon="audit" title={t.audit.none}>{t.audit.noneHint}</Empty>}
      {rows.length > 0 && (
        <div class={resource ? '' : 'card flush'}>
          <ul class="log">
            {rows.map((event) => {
              const changed = list.data!.differences.get(event.revision) ?? [];
              const isOpen = open === event.revision;
              return (
                <li key={String(event.revision)} class={isOpen ? 'is-open' : ''}>
                  <button type="button" class="log-line" aria-expanded={isOpen} onClick={() => setOpen(isOpen ? undefined : event.revision)}>
                    <Badge>{event.revision.toLocaleString('en')}</Badge>
                    <span class="log-what"><span class="strong">{titleOf(event)}</span> {named(changed[0]) || subjectOf(event)}</span>
                    <span class="log-who">{event.actor}</span>
                    <span class="log-when"><Time at={event.time} /></span>
                  </button>
                  {isOpen && (
                    <div class="log-more">
                      <p class="muted small">{[event.source && `${t.audit.source}: ${event.source}`, event.reason && `${t.audit.reason}: ${event.reason}`].filter(Boolean).join(' · ')}</p>
                      <Differences differences={changed} />
                    </div>
                  )}
                </li>
              );
            })}
          </ul>
          <Pager from={(tokens.length - 1) * PAGE} shown={rows.length} onBack={tokens.length > 1 ? () => setTokens(tokens.slice(0, -1)) : undefined} onOn={list.data?.next ? () => setTokens([...tokens, list.data!.next]) : undefined} />
        </div>
      )}
    </>
  );
}

function Refused() {
  const list = useLoad((signal) => audit.listAttempts({ limit: 200 }, { signal }), []);
  const rows = list.data?.attempts ?? [];
  return (
    <>
      <p class="lead spaced">{t.audit.refusedLead}</p>
      {list.failure && <Wrong failure={list.failure} onRetry={list.reload} />}
      {list.data && rows.length === 0 && <Empty icon="check" title={t.audit.refusedNone} />}
      {rows.length > 0 && (
        <div class="card flush">
          <ul class="log">
            {rows.map((attempt, at) => (
              <li key={at} class="log-line">
                <Badge kind="bad">{attempt.status}</Badge>
                <span class="log-what"><span class="strong">{attempt.call.replace(/Request$/, '')}</span> <span class="muted">{attempt.error}</span></span>
                <span class="log-who">{attempt.actor}</span>
                <span class="log-when"><Time at={attempt.time} /></span>
              </li>
            ))}
          </ul>
        </div>
      )}
    </>
  );
}

