// Who is at this browser. The token is in this page's memory and nowhere else: a reload, an idle
// quarter of an hour or a refusal forgets it.
import { computed, signal } from '@preact/signals';

const IDLE_MS_MAX = 15 * 60_000;
const LOCAL_ACTOR = 'console';

export type Right = 'view' | 'audit' | 'operate' | 'keys' | 'define' | 'administer';

/** Rights in some environments and for some API groups, by name; none named: in all of them. */
export interface Granted {
  rights: readonly Right[];
  environments: readonly string[];
  groups: readonly string[];
}

/** Stands for any name: somewhere is enough. */
export const ANY = Symbol('any');

/** What a right is needed for, by name. Left out: for all of them. */
export interface Where {
  environment?: string | typeof ANY;
  group?: string | typeof ANY;
}

const SOMEWHERE: Where = { environment: ANY, group: ANY };
/** The log, the keys and who may do what are everybody's. */
const EVERYWHERE: readonly Right[] = ['audit', 'keys', 'administer'];

export interface Who {
  name: string;
  /** What it may do and where; undefined: everything, as on a machine of one's own. */
  grants?: Granted[];
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

/** Whether something is offered: as docs/security.md says which role may do what, and where. The
    control plane decides by itself anyway. */
export function may(right: Right, where: Where = EVERYWHERE.includes(right) ? {} : SOMEWHERE): boolean {
  const holds = (names: readonly string[], name: string | typeof ANY | undefined) => names.length === 0 || name === ANY || (name !== undefined && names.includes(name));
  const grants = who.value?.grants;
  return grants === undefined || grants.some((one) => one.rights.includes(right) && holds(one.environments, where.environment) && holds(one.groups, where.group));
}

/** Where a publication or a binding is. */
export function placeOf(row: { environmentName: string; apiGroupName: string }): Where {
  return { environment: row.environmentName, group: row.apiGroupName };
}
