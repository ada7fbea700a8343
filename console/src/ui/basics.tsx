// The small parts of every page: buttons, fields, badges, times, things to copy.
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { type Failure, remedy } from '../failure';
import { spread } from '../live';
import { t } from '../texts';
import { Icon } from './icons';

export function Button(props: {
  children: ComponentChildren;
  onClick?: (event: MouseEvent) => void;
  kind?: 'primary' | 'danger' | 'quiet' | 'link';
  type?: 'button' | 'submit';
  icon?: string;
  disabled?: boolean;
  busy?: boolean;
  label?: string;
  title?: string;
}) {
  return (
    <button
      type={props.type ?? 'button'}
      class={`button ${props.kind ?? ''}`}
      onClick={props.onClick}
      disabled={props.disabled || props.busy}
      aria-busy={props.busy}
      aria-label={props.label}
      title={props.title}
    >
      {props.icon && <Icon name={props.icon} size={16} />}
      <span>{props.children}</span>
    </button>
  );
}

export function IconButton(props: { icon: string; label: string; onClick: () => void; pressed?: boolean; class?: string }) {
  return (
    <button type="button" class={`icon-button ${props.class ?? ''}`} aria-label={props.label} title={props.label} aria-pressed={props.pressed} onClick={props.onClick}>
      <Icon name={props.icon} />
    </button>
  );
}

/** A label, what it names, and below it the rule or what is wrong. */
export function Field(props: { label: string; hint?: ComponentChildren; error?: string; optional?: boolean; children: (ids: { id: string; 'aria-describedby'?: string; 'aria-invalid'?: boolean }) => ComponentChildren; class?: string }) {
  const id = useId();
  const note = props.error || props.hint;
  return (
    <div class={`field ${props.error ? 'wrong' : ''} ${props.class ?? ''}`}>
      <label for={id}>
        {props.label}
        {props.optional && <span class="optional">{t.common.optional}</span>}
      </label>
      {props.children({ id, 'aria-describedby': note ? `${id}-note` : undefined, 'aria-invalid': props.error ? true : undefined })}
      {note && (
        <p id={`${id}-note`} class="note" role={props.error ? 'alert' : undefined}>
          {props.error ? props.error : props.hint}
        </p>
      )}
    </div>
  );
}

interface InputProps {
  id?: string;
  'aria-describedby'?: string;
  'aria-invalid'?: boolean;
  'data-first'?: boolean;
  type?: 'text' | 'password';
  class?: string;
  value: string;
  onText: (text: string) => void;
  maxLength?: number;
  required?: boolean;
  autofocus?: boolean;
  autocomplete?: string;
  placeholder?: string;
}

export function TextInput({ onText, ...rest }: InputProps) {
  const { type = 'text', autocomplete = 'off', ...others } = rest;
  return <input {...others} type={type as 'text'} autocomplete={autocomplete} spellcheck={false} autocapitalize="off" onInput={(event) => onText(event.currentTarget.value)} />;
}

export function Select(props: { id?: string; value: string; onPick: (value: string) => void; options: [string, string][]; label?: string; 'aria-describedby'?: string; 'aria-invalid'?: boolean; disabled?: boolean }) {
  const { onPick, options, label, value, ...rest } = props;
  return (
    <select {...rest} aria-label={label} value={value} onChange={(event) => onPick(event.currentTarget.value)}>
      {options.map(([option, text]) => (
        <option key={option} value={option} selected={option === value}>
          {text}
        </option>
      ))}
    </select>
  );
}

export function Search(props: { value: string; onText: (text: string) => void; label: string; autofocus?: boolean }) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (props.autofocus) input.current?.focus();
  }, []);
  return (
    <div class="search">
      <Icon name="search" size={16} />
      <input ref={input} type="search" value={props.value} placeholder={props.label} aria-label={props.label} autocomplete="off" spellcheck={false} onInput={(event) => props.onText(event.currentTarget.value)} />
    </div>
  );
}

export function Badge(props: { children: ComponentChildren; kind?: 'good' | 'warn' | 'bad' | 'accent' | 'plain'; title?: string }) {
  return (
    <span class={`badge ${props.kind ?? 'plain'}`} title={props.title}>
      {props.children}
    </span>
  );
}

export const LOCAL = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });

export function toDate(stamp: Timestamp | undefined): Date | undefined {
  return stamp && new Date(Number(stamp.seconds) * 1000 + stamp.nanos / 1e6);
}

export function isOver(stamp: Timestamp | undefined): boolean {
  return stamp !== undefined && toDate(stamp)!.getTime() <= Date.now();
}

/** Local time; UTC for whoever points at it. */
export function Time({ at, ago }: { at: Timestamp | undefined; ago?: boolean }) {
  const date = toDate(at);
  const [, again] = useState(0);
  useEffect(() => {
    if (!ago) return;
    const timer = setInterval(() => again((count) => count + 1), 15_000);
    return () => clearInterval(timer);
  }, [ago]);
  if (!date) return <span class="muted">–</span>;
  const utc = `${date.toISOString().replace('T', ' ').replace(/\.\d+Z$/, '')} UTC`;
  return (
    <time dateTime={date.toISOString()} title={ago ? `${LOCAL.format(date)}\n${utc}` : utc}>
      {ago ? before(date) : LOCAL.format(date)}
    </time>
  );
}

function before(date: Date): string {
  const seconds = Math.round((date.getTime() - Date.now()) / 1000);
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [['second', 60], ['minute', 60], ['hour', 24], ['day', 30], ['month', 12], ['year', Infinity]];
  let value = seconds;
  if (Math.abs(seconds) < 10) return t.common.justNow;
  for (const [unit, size] of steps) {
    if (Math.abs(value) < size) return RELATIVE.format(Math.round(value), unit);
    value /= size;
  }
  return LOCAL.format(date);
}

/** A rate, of which two digits are known. */
export function rate(perSecond: number): string {
  return perSecond.toLocaleString('en', { maximumFractionDigits: perSecond < 10 ? 1 : 0 });
}

export function Copy({ text, label, small, children }: { text: string; label: string; small?: boolean; children?: ComponentChildren }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await toClipboard(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 1_600);
  };
  return (
    <button type="button" class={small ? 'icon-button small' : 'button'} aria-label={children ? undefined : label} title={label} onClick={copy}>
      <Icon name={copied ? 'check' : 'copy'} size={small ? 14 : 16} />
      {children && <span>{copied ? t.common.copied : children}</span>}
      <span class="unseen" role="status">{copied ? t.common.copied : ''}</span>
    </button>
  );
}

async function toClipboard(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // In clear text some browsers have no clipboard: by a selection, as it was done before.
    const area = document.createElement('textarea');
    area.value = text;
    (document.querySelector('dialog[open]:last-of-type') ?? document.body).append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
}

/** Longer words may be broken: hyphens of flags are no place for it. */
const WORD_MAX = 24;

/** A line for a shell, to copy. */
export function Command({ text, label }: { text: string; label: string }) {
  return (
    <div class="command">
      <span class="command-label">{label}</span>
      <code tabIndex={0}>{text.split(/( )/).map((word, at) => (word.length < WORD_MAX ? <span key={at} class={word === ' ' ? undefined : 'word'}>{word}</span> : word))}</code>
      <Copy small text={text} label={t.common.copyThe(label)} />
    </div>
  );
}

/** What is copied may be longer than what is shown. */
export function Mono({ children, copy, text }: { children: string; copy?: string; text?: string }) {
  return (
    <span class="mono-copy">
      <code>{children}</code>
      {copy && <Copy small text={text ?? children} label={copy} />}
    </span>
  );
}

/** 'live on n of m nodes', until it is everywhere. */
export function Spread({ revision, environment }: { revision: bigint; environment?: string }) {
  const { live, all } = spread(revision, environment);
  if (all === 0) return <Badge kind="warn">{t.spread.none}</Badge>;
  const everywhere = live === all;
  return (
    <span class={`badge spread ${everywhere ? 'good' : 'accent'}`} role="status">
      {everywhere ? <Icon name="check" size={13} /> : <span class="pulse" aria-hidden="true" />}
      {everywhere ? t.spread.everywhere(all) : t.spread.some(live, all)}
    </span>
  );
}

export function Wrong({ failure, onRetry }: { failure: Failure; onRetry?: () => void }) {
  return (
    <div class="alert bad" role="alert">
      <Icon name="warning" />
      <div>
        <p>{failure.message}</p>
        {remedy(failure) && <p class="muted">{remedy(failure)}</p>}
      </div>
      {onRetry && <Button kind="quiet" onClick={onRetry}>{t.common.retry}</Button>}
    </div>
  );
}

export function Note({ children, kind = 'info' }: { children: ComponentChildren; kind?: 'info' | 'warn' }) {
  return (
    <div class={`alert ${kind}`}>
      {kind === 'warn' && <Icon name="warning" />}
      <div>{children}</div>
    </div>
  );
}

/** What to do where there is nothing yet. */
export function Empty({ title, children, action, icon }: { title: string; children?: ComponentChildren; action?: ComponentChildren; icon?: string }) {
  return (
    <div class="empty">
      {icon && <Icon name={icon} size={32} />}
      <p class="empty-title">{title}</p>
      {children && <p class="muted">{children}</p>}
      {action && <div class="empty-action">{action}</div>}
    </div>
  );
}

export function PageHead({ title, children, lead, crumbs }: { title: ComponentChildren; children?: ComponentChildren; lead?: ComponentChildren; crumbs?: ComponentChildren }) {
  return (
    <header class="page-head">
      {crumbs && <nav class="crumbs" aria-label={t.common.breadcrumb}>{crumbs}</nav>}
      <div class="page-title">
        <h1>{title}</h1>
        <div class="page-actions">{children}</div>
      </div>
      {lead && <p class="lead">{lead}</p>}
    </header>
  );
}
