// The frame: navigation, what is live, who is here, and the page that the path names.
import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Deeds } from './done';
import { connected, head } from './live';
import { Link, match, path } from './router';
import { logOut, may, type Right, who } from './session';
import { t } from './texts';
import { theme, toggleTheme } from './theme';
import { Empty, IconButton, LOCAL, PageHead } from './ui/basics';
import { Icon, Mark } from './ui/icons';
import { AccessPage } from './pages/access';
import { ApiPage, ApisPage } from './pages/apis';
import { AuditPage } from './pages/audit';
import { EnvironmentsPage } from './pages/environments';
import { GroupsPage } from './pages/groups';
import { KeyPage } from './pages/key';
import { KeysPage } from './pages/keys';
import { LoginPage } from './pages/login';
import { NodesPage } from './pages/nodes';
import { OverviewPage } from './pages/overview';
import { VerifyPage } from './pages/verify';

const NAV: { title?: string; pages: { to: string; title: string; icon: string; needs?: Right }[] }[] = [
  { pages: [{ to: '/', title: t.overview.title, icon: 'overview' }] },
  {
    title: t.app.publishing,
    pages: [
      { to: '/keys', title: t.keys.title, icon: 'key' }, { to: '/apis', title: t.apis.title, icon: 'api' },
      { to: '/groups', title: t.groups.title, icon: 'group' }, { to: '/environments', title: t.environments.title, icon: 'environment' },
    ],
  },
  {
    title: t.app.operating,
    pages: [
      { to: '/nodes', title: t.nodes.title, icon: 'node' }, { to: '/audit', title: t.audit.title, icon: 'audit', needs: 'audit' },
      { to: '/verify', title: t.verify.title, icon: 'verify' }, { to: '/access', title: t.access.title, icon: 'access', needs: 'administer' },
    ],
  },
];

export function App() {
  if (!who.value) return <LoginPage />;
  return <Frame />;
}

function Frame() {
  const [open, setOpen] = useState(false);
  useEffect(() => setOpen(false), [path.value]);
  return (
    <div class={`frame ${open ? 'nav-open' : ''}`}>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById('main')?.focus(); }}>{t.app.skip}</a>
      <aside class="side">
        <Link to="/" class="brand"><Mark /><span>{t.app.name}</span></Link>
        {may('view') && <nav aria-label={t.app.nav}>
          {NAV.map((part, at) => (
            <div class="nav-part" key={at}>
              {part.title && <p class="nav-title">{part.title}</p>}
              {part.pages.filter((page) => !page.needs || may(page.needs)).map((page) => (
                <Link key={page.to} to={page.to} class="nav-link" current={isCurrent(page.to)}><Icon name={page.icon} />{page.title}</Link>
              ))}
            </div>
          ))}
        </nav>}
      </aside>
      {open && <button type="button" class="veil" aria-label={t.common.close} onClick={() => setOpen(false)} />}
      <div class="column">
        <header class="bar">
          <IconButton icon="menu" class="menu" label={t.app.menu} onClick={() => setOpen(!open)} />
          {may('view') && <Liveness />}
          <span class="push" />
          <Who />
          <IconButton icon={theme.value === 'dark' ? 'sun' : 'moon'} label={theme.value === 'dark' ? t.app.light : t.app.dark} onClick={toggleTheme} />
          {who.value!.byToken && <IconButton icon="logout" label={t.app.logOut} onClick={() => logOut()} />}
        </header>
        <main id="main" tabIndex={-1}>{may('view') ? <Page /> : <Empty title={t.app.noRole}>{t.app.noRoleHint(who.value!.name)}</Empty>}</main>
      </div>
      <Deeds />
    </div>
  );
}

function Liveness() {
  const state = connected.value;
  return (
    <span class={`liveness ${state}`} role="status" title={t.app.liveHint}>
      <span class="dot" aria-hidden="true" />
      {state === 'live' ? t.app.live : state === 'lost' ? t.app.lost : t.app.starting}
      {state === 'live' && <span class="muted revision">{t.app.revision(head.value)}</span>}
    </span>
  );
}

function Who() {
  const { name, roles, expires } = who.value!;
  return (
    <span class="who" title={expires && t.login.goodUntil(LOCAL.format(expires))}>
      <span>{name}</span>
      {roles.length > 0 && <span class="muted roles">{roles.join(', ')}</span>}
    </span>
  );
}

function isCurrent(to: string): boolean {
  return to === '/' ? path.value === '/' : path.value === to || path.value.startsWith(`${to}/`);
}

function Page() {
  const key = match('/keys/:id');
  if (key) return <KeyPage key={key.id} id={key.id!} />;
  const api = match('/apis/:id');
  if (api) return <ApiPage key={api.id} id={api.id!} />;
  const pages: Record<string, () => VNode> = {
    '/': () => <OverviewPage />, '/keys': () => <KeysPage />, '/apis': () => <ApisPage />, '/groups': () => <GroupsPage />,
    '/environments': () => <EnvironmentsPage />, '/nodes': () => <NodesPage />, '/audit': () => <AuditPage />, '/verify': () => <VerifyPage />,
    '/access': () => <AccessPage />,
  };
  const needs = NAV.flatMap((part) => part.pages).find((one) => one.to === path.value)?.needs;
  if (needs && !may(needs)) return <Empty title={t.app.notForYou}>{t.app.notForYouHint}</Empty>;
  const page = pages[path.value];
  if (page) return page();
  return <><PageHead title={t.app.notFound} lead={t.app.notFoundHint} /><Link to="/">{t.overview.title}</Link></>;
}
