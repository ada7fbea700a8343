// Begins here.
import { render } from 'preact';
import './styles/base.css';
import './styles/parts.css';
import './styles/pages.css';
import './theme';
import { App } from './app';
import { watch } from './live';
import { watchIdleness } from './session';

watch();
watchIdleness();
render(<App />, document.getElementById('app')!);
