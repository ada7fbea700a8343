// What happens elsewhere: the newest revision and the nodes, by two streams that are taken up again
// whenever they end. A tab that nobody sees holds none, for a browser has few connections.
import { computed, signal } from '@preact/signals';
import type { Event } from './gen/countersign/v1/event_pb';
import type { Node } from './gen/countersign/v1/node_pb';
import { asFailure } from './failure';
import { learn } from './known';
import { nodes as asking, watching } from './rpc';
import { may, onUnauthenticated, who } from './session';

const PAUSE_MS_MIN = 300;
const PAUSE_MS_MAX = 4_000;
/** Lists are read again so long after the last change of many. */
const SETTLE_MS = 120;
/** Shorter than a call may take. */
const WAIT_MS = 15_000;

export const head = signal(0n);
export const nodes = signal<ReadonlyMap<string, Node>>(new Map());
export const lastEvent = signal<Event | undefined>(undefined);
export const connected = signal<'starting' | 'live' | 'lost'>('starting');
/** Changes when what is shown may have changed. */
export const tick = signal(0);

export const signing = computed(() => [...nodes.value.values()].filter((node) => !node.relay && node.connected && !node.stale));

let settling: ReturnType<typeof setTimeout> | undefined;

export function settle(): void {
  clearTimeout(settling);
  settling = setTimeout(() => tick.value++, SETTLE_MS);
}

/** A revision that was told by whatever answer. */
export function seen(revision: bigint): void {
  if (revision > head.value) {
    head.value = revision;
    settle();
  }
}

export function watch(): void {
  let stop: AbortController | undefined;
  const follow = () => {
    const wanted = who.value !== undefined && may('view') && document.visibilityState === 'visible';
    if (wanted && !stop) {
      stop = new AbortController();
      void following(stop.signal, watchNodes);
      void following(stop.signal, may('audit') ? watchEvents : watchRevision);
    } else if (!wanted && stop) {
      stop.abort();
      stop = undefined;
    }
  };
  document.addEventListener('visibilitychange', () => {
    follow();
    if (document.visibilityState === 'visible') settle();
  });
  who.subscribe(() => {
    // The next one here may not be the last one, or may see less.
    stop?.abort();
    stop = undefined;
    nodes.value = new Map();
    lastEvent.value = undefined;
    connected.value = 'starting';
    follow();
  });
}

async function following(stop: AbortSignal, once: (stop: AbortSignal, begun: () => void) => Promise<void>): Promise<void> {
  let pause = PAUSE_MS_MIN;
  while (!stop.aborted) {
    try {
      await once(stop, () => {
        pause = PAUSE_MS_MIN;
      });
    } catch (error) {
      // A token that is revoked or expires ends the streams that it opened, as does a grant that is taken;
      // all else the next try tells.
      const { status } = asFailure(error);
      if (!stop.aborted && status === 'UNAUTHENTICATED') onUnauthenticated();
      if (!stop.aborted && status === 'PERMISSION_DENIED') await learn().catch(() => undefined);
    }
    if (stop.aborted) return;
    connected.value = 'lost';
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 2, PAUSE_MS_MAX);
  }
}

async function watchNodes(stop: AbortSignal, begun: () => void): Promise<void> {
  let known = new Map<string, Node>();
  let first = true;
  for await (const reply of watching.nodes.watchNodes({}, { signal: stop })) {
    if (first) {
      begun();
      if (connected.value === 'lost') settle();
      connected.value = 'live';
      first = false;
    }
    known = new Map(known);
    for (const node of reply.nodes) known.set(node.name, node);
    for (const name of reply.forgottenNodes) known.delete(name);
    nodes.value = known;
    seen(reply.revision);
  }
}

async function watchEvents(stop: AbortSignal, begun: () => void): Promise<void> {
  for await (const { event } of watching.events.tailEvents({ revisionFrom: 0n }, { signal: stop })) {
    begun();
    if (!event) continue;
    lastEvent.value = event;
    seen(event.revision);
  }
}

/** For whoever may not see the log: its revision, also where no node is that would tell it. */
async function watchRevision(stop: AbortSignal, begun: () => void): Promise<void> {
  // 0 asks for the newest one, so that of many changes not each is waited for.
  for (let next = 0n; ; ) {
    const { reached, revision } = await asking.waitForRevision({ revision: next, timeoutMs: WAIT_MS }, { signal: stop });
    begun();
    if (reached) seen(revision);
    next = reached && next > 0n ? 0n : head.value + 1n;
  }
}

/** What all nodes did in a second, and how many of them have told; none: nobody has. */
export function load(): { requests: number; signatures: number; told: number } | undefined {
  const told = signing.value.flatMap((node) => node.load ?? []);
  const sum = (of: 'requestsPerSecond' | 'signaturesPerSecond') => told.reduce((all, one) => all + one[of], 0);
  return told.length ? { requests: sum('requestsPerSecond'), signatures: sum('signaturesPerSecond'), told: told.length } : undefined;
}

/** How many of the nodes that sign for an environment do so with a revision, or a later one. */
export function spread(revision: bigint, environment?: string): { live: number; all: number } {
  const concerned = signing.value.filter((node) => !environment || node.environments.includes(environment));
  return { live: concerned.filter((node) => node.ackedRevision >= revision).length, all: concerned.length };
}
