// All events that some filters let through, as a file: read page by page, written as JSON lines or CSV.
import { create, type MessageInitShape, toJson, toJsonString } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { type Event, EventSchema, type ListEventsRequestSchema } from './gen/countersign/v1/event_pb';
import { events } from './rpc';

export type Form = 'jsonl' | 'csv';
export type Filters = MessageInitShape<typeof ListEventsRequestSchema>;

export interface Progress {
  count: number;
  /** How much of the log was looked through, 0 to 1. */
  part: number;
}

const PAGE = 1_000;
/** As `countersign audit export --format csv` has it, but for the chain's hash. */
const CSV_HEADER = 'revision,time,actor,source,request_id,reason,first_revision,type,what\n';
const TYPES = { jsonl: 'application/x-ndjson', csv: 'text/csv' };

/** Reads until the end or until it is stopped. What comes into the log meanwhile is not in it. */
export async function exported(filters: Filters, form: Form, stop: AbortSignal, onProgress: (progress: Progress) => void): Promise<File> {
  const parts: string[] = form === 'csv' ? [CSV_HEADER] : [];
  const line = form === 'csv' ? csvLine : (event: Event) => `${toJsonString(EventSchema, event)}\n`;
  const { revision: newest } = await events.listEvents({ pageSize: 1 }, { signal: stop });
  let [count, pageToken] = [0, ''];
  do {
    const reply = await events.listEvents({ ...filters, pageSize: PAGE, pageToken, descending: true, revisionTo: newest }, { signal: stop });
    parts.push(reply.events.map(line).join(''));
    count += reply.events.length;
    pageToken = reply.nextPageToken;
    const at = reply.events[reply.events.length - 1]?.revision ?? newest;
    onProgress({ count, part: pageToken ? 1 - Number(at) / Number(newest) : 1 });
  } while (pageToken);
  return new File(parts, `countersign-events-${newest}.${form}`, { type: TYPES[form] });
}

function csvLine(event: Event): string {
  const alone = toJson(EventSchema, create(EventSchema, { payload: event.payload })) as Record<string, unknown>;
  const [type = 'unknown', what = null] = Object.entries(alone)[0] ?? [];
  const time = event.time ? timestampDate(event.time).toISOString() : '';
  const fields = [String(event.revision), time, noFormula(event.actor), event.source, noFormula(event.requestId), noFormula(event.reason), String(event.firstRevision), snake(type), JSON.stringify(what)];
  return `${fields.map(quoted).join(',')}\n`;
}

export function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Spreadsheets calculate what begins like this; behind an apostrophe they show it. */
function noFormula(text: string): string {
  return /^[=+\-@]/.test(text) ? `'${text}` : text;
}

function quoted(field: string): string {
  return /[,"\n\r]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}
