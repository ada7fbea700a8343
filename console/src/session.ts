// Who is at this browser. The token is in this page's memory and nowhere else: a reload, an idle
// quarter of an hour or a refusal forgets it.
import { computed, signal } from '@preact/signals';

const IDLE_MS_MAX = 15 * 60_000;
const LOCAL_ACTOR = 'console';

export interface Who {
  name: string;
  /** What it may do; undefined: everything, as on a machine of one's own. */
  permissions?: ReadonlySet<string>;
  roles: string[];
  /** When what it showed stops being good. */
  expires?: Date;
  /** Whether it showed a token, and so can log out. */
  byToken: boolean;
}

type LoginReason = '' | 'idle' | 'refused';

export const token = signal('');
export const who = signal<Who | undefined>(undefined);
/** Why the login is asked for, when it was not the user's own wish. */
export const loginReason = signal<LoginReason>('');
export const loggedIn = computed(() => who.value !== undefined);

let lastTouch = Date.now();

export function credentials(): [string, string][] {
  return token.value ? [['authorization', `Bearer ${token.value}`]] : [['countersign-actor', LOCAL_ACTOR]];
}

export function logOut(reason: LoginReason = ''): void {
  token.value = '';
  who.value = undefined;
  loginReason.value = reason;
}

export function onUnauthenticated(): void {
  if (who.value?.byToken) logOut('refused');
}

/** Forgets the token of somebody who has gone away. What the page reads by itself, because others
    changed something, is nobody's doing. */
export function watchIdleness(): void {
  const touched = () => (lastTouch = Date.now());
  for (const event of ['pointerdown', 'keydown', 'wheel']) addEventListener(event, touched, { passive: true });
  setInterval(() => {
    if (who.value?.byToken && Date.now() - lastTouch > IDLE_MS_MAX) logOut('idle');
  }, 5_000);
}

/** Whether something is offered. The control plane decides by itself anyway. */
export function may(permission: string): boolean {
  const permissions = who.value?.permissions;
  return permissions === undefined || permissions.has(permission);
}
