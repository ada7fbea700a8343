// Paths, and links between them.
import { computed, signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';

const place = signal(location.pathname + location.search);

export const path = computed(() => place.value.split('?')[0]!);
export const query = computed(() => new URLSearchParams(place.value.split('?')[1] ?? ''));

addEventListener('popstate', () => {
  place.value = location.pathname + location.search;
});

export function go(to: string, replace = false): void {
  if (to === place.value) return;
  history[replace ? 'replaceState' : 'pushState'](null, '', to);
  const moved = to.split('?')[0] !== path.value;
  place.value = to;
  if (moved) {
    scrollTo(0, 0);
    // Whoever cannot see the page hears where it is.
    requestAnimationFrame(() => document.getElementById('main')?.focus({ preventScroll: true }));
  }
}

/** Keeps what a list is filtered by in the address, so that it can be sent to somebody. */
export function setQuery(changes: Record<string, string>): void {
  const next = new URLSearchParams(query.value);
  for (const [name, value] of Object.entries(changes)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  const text = next.toString();
  go(path.value + (text ? `?${text}` : ''), true);
}

export function Link(props: { to: string; class?: string; children: ComponentChildren; current?: boolean; title?: string; label?: string }) {
  return (
    <a
      href={props.to}
      class={props.class}
      title={props.title}
      aria-label={props.label}
      aria-current={props.current ? 'page' : undefined}
      onClick={(event) => {
        if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        go(props.to);
      }}
    >
      {props.children}
    </a>
  );
}

/** The parts of a path that fit a pattern such as `/keys/:id`. */
export function match(pattern: string): Record<string, string> | undefined {
  const wanted = pattern.split('/');
  const found = path.value.split('/');
  if (wanted.length !== found.length) return undefined;
  const parts: Record<string, string> = {};
  for (const [at, part] of wanted.entries()) {
    const here = decodeURIComponent(found[at]!);
    if (part.startsWith(':')) parts[part.slice(1)] = here;
    else if (part !== here) return undefined;
  }
  return parts;
}
