// Who is at this browser. The token is in this page's memory and nowhere else: a reload, an idle
// quarter of an hour or a refusal forgets it.
import { computed, signal } from '@preact/signals';
import type { Failure } from './failure';

const IDLE_MS_MAX = 15 * 60_000;
const LOCAL_ACTOR = 'console';

export interface Who {
  name: string;
  /** What it may do; undefined: everything, as on a machine of one's own. */
  permissions?: ReadonlySet<string>;
  roles: string[];
  /** Whether it showed a token, and so can log out. */
  byToken: boolean;
}

export const token = signal('');
export const who = signal<Who | undefined>(undefined);
/** Why the login is asked for, when it was not the user's own wish. */
export const loginReason = signal<'' | 'idle' | 'refused'>('');
export const loggedIn = computed(() => who.value !== undefined);

let lastTouch = Date.now();

export function credentials(): [string, string][] {
  return token.value ? [['authorization', `Bearer ${token.value}`]] : [['countersign-actor', LOCAL_ACTOR]];
}

export function logOut(reason: '' | 'idle' | 'refused' = ''): void {
  token.value = '';
  who.value = undefined;
  loginReason.value = reason;
}

export function onUnauthenticated(_failure: Failure): void {
  if (who.value?.byToken) logOut('refused');
}

export function touched(): void {
  lastTouch = Date.now();
}

/** Forgets the token of somebody who has gone away. */
export function watchIdleness(): void {
  for (const event of ['pointerdown', 'keydown']) addEventListener(event, touched, { passive: true });
  setInterval(() => {
    if (who.value?.byToken && Date.now() - lastTouch > IDLE_MS_MAX) logOut('idle');
  }, 5_000);
}

/** Whether something is offered. The control plane decides by itself anyway. */
export function may(permission: string): boolean {
  const permissions = who.value?.permissions;
  return permissions === undefined || permissions.has(permission);
}
