// An event in a line. What it names by id gets its name from what the console has seen.
import type { Event } from '../gen/countersign/v1/event_pb';
import { t } from '../texts';
import { Badge, Time } from './basics';

export function typeOf(event: Event): string {
  return event.payload.case ?? 'unknown';
}

export function titleOf(event: Event): string {
  return t.audit.types[typeOf(event)] ?? typeOf(event);
}

/** The names and values that the event itself carries. */
export function subjectOf(event: Event): string {
  const value = event.payload.value as Record<string, unknown> | undefined;
  if (!value) return '';
  const text = (name: string) => (typeof value[name] === 'string' ? (value[name] as string) : '');
  if (event.payload.case === 'signatureKeyRenamed') return `${text('formerName')} → ${text('name')}`;
  return text('name') || text('node') || text('operator') || '';
}

export function EventLine({ event, name }: { event: Event; name?: string }) {
  return (
    <span class="event-line">
      <Badge>{event.revision.toLocaleString('en')}</Badge>
      <span><span class="strong">{titleOf(event)}</span> {name || subjectOf(event)}<br /><span class="muted small">{event.actor} · <Time at={event.time} ago /></span></span>
    </span>
  );
}
