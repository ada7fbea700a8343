// Two texts, line by line: what only the one has and what only the other.
import { t } from '../texts';

/** Longer texts are compared by their common beginning and end alone. */
const CELLS_MAX = 1_000_000;

export interface Line {
  kind: 'same' | 'old' | 'new';
  text: string;
}

export function diff(before: string[], after: string[]): Line[] {
  let begin = 0;
  while (begin < before.length && begin < after.length && before[begin] === after[begin]) begin++;
  let end = 0;
  while (end < before.length - begin && end < after.length - begin && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  const one = before.slice(begin, before.length - end);
  const two = after.slice(begin, after.length - end);
  const same = (lines: string[]): Line[] => lines.map((text) => ({ kind: 'same', text }));
  const tail = same(end ? before.slice(-end) : []);
  return [...same(before.slice(0, begin)), ...between(one, two), ...tail];
}

function between(one: string[], two: string[]): Line[] {
  const olds = (lines: string[]): Line[] => lines.map((text) => ({ kind: 'old', text }));
  const news = (lines: string[]): Line[] => lines.map((text) => ({ kind: 'new', text }));
  if (one.length * two.length > CELLS_MAX) return [...olds(one), ...news(two)];
  // The length of the longest common part of what follows each pair of places.
  const longest = Array.from({ length: one.length + 1 }, () => new Uint32Array(two.length + 1));
  for (let a = one.length - 1; a >= 0; a--) {
    for (let b = two.length - 1; b >= 0; b--) longest[a]![b] = one[a] === two[b] ? longest[a + 1]![b + 1]! + 1 : Math.max(longest[a + 1]![b]!, longest[a]![b + 1]!);
  }
  const lines: Line[] = [];
  let [a, b] = [0, 0];
  while (a < one.length && b < two.length) {
    if (one[a] === two[b]) {
      lines.push({ kind: 'same', text: one[a]! });
      a++;
      b++;
    } else if (longest[a + 1]![b]! >= longest[a]![b + 1]!) lines.push({ kind: 'old', text: one[a++]! });
    else lines.push({ kind: 'new', text: two[b++]! });
  }
  return [...lines, ...olds(one.slice(a)), ...news(two.slice(b))];
}

export function Diff({ before, after, label, oldTitle = t.audit.before, newTitle = t.audit.after }: { before: string; after: string; label: string; oldTitle?: string; newTitle?: string }) {
  const lines = diff(before ? before.split('\n') : [], after ? after.split('\n') : []);
  return (
    <div class="diff" role="group" aria-label={label}>
      <p class="diff-key"><span class="old">− {oldTitle}</span> <span class="new">+ {newTitle}</span></p>
      <pre tabIndex={0}>
        {lines.map((line, at) => (
          <span key={at} class={`diff-line ${line.kind}`}><span class="sign" aria-hidden="true">{line.kind === 'old' ? '−' : line.kind === 'new' ? '+' : ' '}</span>{line.kind !== 'same' && <span class="unseen">{line.kind === 'old' ? oldTitle : newTitle}: </span>}{visible(line.text)}{'\n'}</span>
        ))}
      </pre>
    </div>
  );
}

/** What cannot be seen is shown as an escape. */
function visible(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f\u00a0\u200b-\u200f\u202a-\u202e\ufeff]|\s+$/g, (found) => [...found].map((one) => (one === ' ' ? '·' : `\\u{${one.codePointAt(0)!.toString(16)}}`)).join('')) || ' ';
}
