// Light or dark: as the system has it, until somebody chooses.
import { signal } from '@preact/signals';

const STORE = 'countersign-theme';
const system = matchMedia('(prefers-color-scheme: dark)');
let chosen: string | null = null;
try {
  chosen = localStorage.getItem(STORE);
} catch {
  // A browser without storage: the system's theme.
}

export const theme = signal<'light' | 'dark'>(chosen === 'light' || chosen === 'dark' ? chosen : system.matches ? 'dark' : 'light');

theme.subscribe((value) => {
  document.documentElement.dataset.theme = value;
});
system.addEventListener('change', () => {
  if (!chosen) theme.value = system.matches ? 'dark' : 'light';
});

export function toggleTheme(): void {
  theme.value = theme.value === 'dark' ? 'light' : 'dark';
  chosen = theme.value;
  try {
    localStorage.setItem(STORE, chosen);
  } catch {
    // Until the next load, then.
  }
}
